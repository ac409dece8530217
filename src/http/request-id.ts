/** One id per request: the caller's `x-request-id` where it is sane, else a new one. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

// The id goes into logs and headers as it is, so it may hold nothing that means something there.
const sane = /^[A-Za-z0-9._:+/=-]{1,128}$/;

export function readRequestId(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && sane.test(given) ? given : randomUUID();
}
