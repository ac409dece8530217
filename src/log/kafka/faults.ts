import type { KafkaAddress } from './options.ts';

/** What brokers and the client say is wrong: their errors are nested, and name codes rather than remedies. */

interface Nested {
  readonly code?: unknown;
  readonly apiId?: unknown;
  readonly canRetry?: unknown;
  readonly hostname?: unknown;
  readonly message?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
  readonly response?: unknown;
}

/** The error and everything inside it. */
function* walk(error: unknown, depth = 0): Generator<Nested> {
  if (error === null || typeof error !== 'object' || depth > 10) return;
  const nested = error as Nested;
  yield nested;
  if (Array.isArray(nested.errors)) for (const inner of nested.errors) yield* walk(inner, depth + 1);
  yield* walk(nested.cause, depth + 1);
}

/** The protocol's name of what a broker answered, as `NOT_LEADER_OR_FOLLOWER`; null when it did not answer. */
export function answerOf(error: unknown): string | null {
  for (const { apiId } of walk(error)) if (typeof apiId === 'string') return apiId;
  return null;
}

/** The whole of an answer in which something was an error. */
export function responseOf<T>(error: unknown): T | null {
  for (const { response } of walk(error)) if (response) return response as T;
  return null;
}

/** Whether the same request may be answered otherwise later: brokers that move, are away, or are slow. */
export function isPassing(error: unknown): boolean {
  if (misconfiguration(error) !== null && !isBrokenHandshake(error)) return false;
  const protocol = [...walk(error)].filter(({ apiId }) => typeof apiId === 'string');
  if (protocol.length > 0) return protocol.every(({ canRetry }) => canRetry === true);
  return true;
}

/** No TLS there; or a broker that was killed just then. */
function isBrokenHandshake(error: unknown): boolean {
  return [...walk(error)].some(({ message }) => BROKEN_HANDSHAKE.test(String(message)));
}

const BROKEN_HANDSHAKE = /verify the broker supports TLS/;

type Words = (address: KafkaAddress) => string;

const CERTIFICATE_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

/** What no waiting mends: a person has to change a setting. Null when it is not that. */
function misconfiguration(error: unknown): Words | null {
  for (const { apiId, code, message } of walk(error)) {
    const said = typeof message === 'string' ? message : '';
    if (apiId === 'SASL_AUTHENTICATION_FAILED' || /SCRAM|server signature/i.test(said)) {
      return ({ sasl }) =>
        `refuses the user '${sasl?.username}' by ${sasl?.mechanism}. Check ANALYTICS_KAFKA_SASL_USERNAME, ANALYTICS_KAFKA_SASL_PASSWORD and ANALYTICS_KAFKA_SASL_MECHANISM.`;
    }
    if (apiId === 'UNSUPPORTED_SASL_MECHANISM') {
      return ({ sasl }) =>
        `does not know SASL ${sasl?.mechanism}. Set ANALYTICS_KAFKA_SASL_MECHANISM to one that it has enabled.`;
    }
    if (CERTIFICATE_CODES.has(String(code))) {
      return () =>
        'shows a certificate of an authority that is not known here. Give the certificate of that authority as ANALYTICS_KAFKA_TLS_CA_FILE.';
    }
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      return () =>
        `shows a certificate for another name (${said}). Name the brokers in ANALYTICS_KAFKA_BROKERS as their certificates do.`;
    }
    if (code === 'CERT_HAS_EXPIRED') return () => 'shows a certificate that has expired. Renew it there.';
    if (/Broker requires TLS/.test(said)) return () => 'speaks TLS there. Set ANALYTICS_KAFKA_TLS=1.';
    if (BROKEN_HANDSHAKE.test(said) || /wrong version number/i.test(said)) {
      return () =>
        'does not speak TLS there. Unset ANALYTICS_KAFKA_TLS, or name the port of its TLS listener.';
    }
    if (apiId === 'TOPIC_AUTHORIZATION_FAILED' || apiId === 'CLUSTER_AUTHORIZATION_FAILED') {
      return ({ sasl }) =>
        `does not let ${sasl ? `'${sasl.username}'` : 'this client'} use the topic. Grant READ, WRITE and DESCRIBE on it.`;
    }
    if (apiId === 'GROUP_AUTHORIZATION_FAILED') {
      return ({ sasl }) =>
        `does not let ${sasl ? `'${sasl.username}'` : 'this client'} use the group. Grant READ on it.`;
    }
  }
  return null;
}

/** True when no waiting mends it. */
export function needsOperator(error: unknown): boolean {
  return misconfiguration(error) !== null;
}

/** A sentence for the operator: who does not answer, why, and what to do. */
export function explain(error: unknown, address: KafkaAddress): string {
  const brokers = address.brokers.join(', ');
  const words = misconfiguration(error);
  if (words) return `Kafka at ${brokers} ${words(address)}`;
  const answer = answerOf(error);
  if (answer === 'NOT_ENOUGH_REPLICAS' || answer === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND') {
    return `Kafka at ${brokers} has too few brokers in sync to keep records safely (${answer}). Bring the missing brokers back.`;
  }
  if (answer) return `Kafka at ${brokers} answers ${answer}.`;
  for (const { code, hostname } of walk(error)) {
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      return `There is no host '${hostname}'. Check ANALYTICS_KAFKA_BROKERS (${brokers}), and advertised.listeners of the brokers.`;
    }
    if (code === 'ECONNREFUSED') {
      return `Nothing listens at ${brokers}. Start the brokers, or check ANALYTICS_KAFKA_BROKERS.`;
    }
  }
  const said = [...walk(error)]
    .map(({ message }) => message)
    .findLast((m) => typeof m === 'string' && m !== '');
  const hint = /Connection closed/.test(String(said))
    ? ' If it does so at once, it may ask for SASL (ANALYTICS_KAFKA_SASL_USERNAME) or TLS (ANALYTICS_KAFKA_TLS).'
    : '';
  return `Kafka at ${brokers} does not answer: ${String(said ?? error).replace(/\.$/, '')}.${hint}`;
}

/** An error with that sentence. */
export function faultOf(error: unknown, address: KafkaAddress): Error {
  return new Error(explain(error, address), { cause: error });
}
