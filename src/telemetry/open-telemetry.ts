import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  createTraceState,
  DiagLogLevel,
  diag,
  isSpanContextValid,
  type Link,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Span, SpanStart, TraceHeaders, Tracing, TracingOptions } from './tracing.ts';

/** `Tracing` by the OpenTelemetry SDK. Loaded when traces are asked for, and only then. */

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;
const LINKS_MAX = 128;
const SAMPLED = 1;
const CLOSE_WITHIN_MS = 2_000;
/** Version, trace, parent, flags; later versions may say more. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

export function createTracing(options: TracingOptions): Tracing {
  const warn = (message: string, ...more: unknown[]) =>
    options.log.warn({ more }, `OpenTelemetry: ${message}`);
  diag.setLogger(
    { error: warn, warn, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const { url, headers, timeoutMs: timeoutMillis } = options;
  const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis });
  const provider = new TracerProvider({
    resource: createResource(options),
    sampler: new LinkSampler(createSampler(options)),
    spanLimits: { linkCountLimit: LINKS_MAX },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: options.delayMs,
        exportTimeoutMillis: timeoutMillis,
      }),
    ],
  });
  const tracer = provider.getTracer('sluice', options.version);
  const active = new AsyncLocalStorage<OtelSpan>();
  return {
    start(start) {
      const links = readLinks(start.links);
      const span = tracer.startSpan(
        start.name,
        {
          kind: KINDS[start.kind],
          links,
          ...(start.attributes ? { attributes: { ...start.attributes } } : {}),
          ...(start.startedAt === undefined ? {} : { startTime: start.startedAt }),
        },
        contextOf(start, active.getStore()),
      );
      return new TracedSpan(span);
    },
    run: (span, work) => active.run((span as TracedSpan).span, work),
    active: () => active.getStore() !== undefined,
    async close() {
      const ended = provider.forceFlush({ timeoutMillis: CLOSE_WITHIN_MS }).then(() => provider.shutdown());
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, CLOSE_WITHIN_MS);
      await Promise.race([ended, late.promise]).catch((error) => warn(String(error)));
      clearTimeout(timer);
    },
  };
}

class TracedSpan implements Span {
  readonly span: OtelSpan;

  constructor(span: OtelSpan) {
    this.span = span;
  }

  get traceparent(): string | null {
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    return (traceFlags & SAMPLED) === 0 ? null : `00-${traceId}-${spanId}-01`;
  }

  rename(name: string): void {
    this.span.updateName(name);
  }

  set(attributes: Readonly<Record<string, string | number | boolean>>): void {
    this.span.setAttributes({ ...attributes });
  }

  failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.span.setStatus({ code: SpanStatusCode.ERROR, message });
    this.span.recordException(error instanceof Error ? error : message);
  }

  end(): void {
    this.span.end();
  }
}

/** A batch holds events of many traces. Its span is of use to those that are kept, and to nobody else. */
class LinkSampler implements Sampler {
  readonly #otherwise: Sampler;

  constructor(otherwise: Sampler) {
    this.#otherwise = otherwise;
  }

  shouldSample(...question: Parameters<Sampler['shouldSample']>): ReturnType<Sampler['shouldSample']> {
    const links = question[5];
    if (links.length === 0) return this.#otherwise.shouldSample(...question);
    const kept = links.some(({ context }) => (context.traceFlags & SAMPLED) !== 0);
    return { decision: kept ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return `LinkSampler{${this.#otherwise}}`;
  }
}

function createSampler({ sampler, samplerRatio }: TracingOptions): Sampler {
  const name = sampler.replace(/^parentbased_/, '');
  const root =
    name === 'always_off'
      ? new AlwaysOffSampler()
      : name === 'traceidratio'
        ? new TraceIdRatioBasedSampler(samplerRatio)
        : new AlwaysOnSampler();
  return sampler === name ? root : new ParentBasedSampler({ root });
}

function createResource({ serviceName, version, resourceAttributes }: TracingOptions) {
  const said = new Map<string, string>();
  for (const pair of resourceAttributes.split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) said.set(pair.slice(0, at).trim(), decodeText(pair.slice(at + 1).trim()));
  }
  const own = { 'service.version': version, 'process.pid': process.pid };
  return defaultResource().merge(
    resourceFromAttributes({
      'service.name': 'sluice',
      ...own,
      ...Object.fromEntries(said),
      ...(serviceName === '' ? {} : { 'service.name': serviceName }),
    }),
  );
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function contextOf({ parent, links }: SpanStart, activeSpan: OtelSpan | undefined): Context {
  if (parent !== undefined) {
    const said = readHeaders(parent);
    return said === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, said);
  }
  if (activeSpan === undefined || links !== undefined) return ROOT_CONTEXT;
  return trace.setSpan(ROOT_CONTEXT, activeSpan);
}

function readHeaders({ traceparent, tracestate }: TraceHeaders): SpanContext | null {
  const parts = TRACEPARENT.exec(traceparent?.trim() ?? '');
  if (!parts || (parts[1] === '00' && parts[5] !== undefined)) return null;
  const context: SpanContext = {
    traceId: parts[2]!,
    spanId: parts[3]!,
    traceFlags: Number.parseInt(parts[4]!, 16) & SAMPLED,
    isRemote: true,
    ...(tracestate ? { traceState: createTraceState(tracestate) } : {}),
  };
  return isSpanContextValid(context) ? context : null;
}

function readLinks(texts: Iterable<string> = []): Link[] {
  const links: Link[] = [];
  for (const traceparent of texts) {
    const context = readHeaders({ traceparent });
    if (context !== null) links.push({ context });
    if (links.length === LINKS_MAX) break;
  }
  return links;
}
