/**
 * Traces, as the rest of the service sees them: spans, and the W3C text that names one in a header. Where tracing is off
 * there is no `Tracing` at all (null), nothing of OpenTelemetry is loaded, and what would be traced asks once for null.
 */

export interface SpanStart {
  readonly name: string;
  readonly kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  /** What the caller said in its headers. Without it the span is a child of the active one, else the root of a trace. */
  readonly parent?: TraceHeaders;
  /** `traceparent`s of the spans whose work is done here together. With links, the span is kept if one of those is. */
  readonly links?: Iterable<string>;
  readonly attributes?: Attributes;
  /** Epoch ms; default now. */
  readonly startedAt?: number;
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Of W3C Trace Context; what cannot be read is ignored. */
export interface TraceHeaders {
  readonly traceparent: string | undefined;
  readonly tracestate?: string | undefined;
}

export interface Span {
  /** W3C text that names the span; null when it is not kept. */
  readonly traceparent: string | null;
  /** A span's name may be known better at its end. */
  rename(name: string): void;
  set(attributes: Attributes): void;
  failed(error: unknown): void;
  end(): void;
}

export interface Tracing {
  start(span: SpanStart): Span;
  /** The span is the active one in what `work` does and waits for. */
  run<T>(span: Span, work: () => T): T;
  /** Whether a span is active here. */
  active(): boolean;
  /** Sends what is left, for two seconds at most. */
  close(): Promise<void>;
}

export interface TracingOptions {
  readonly serviceName: string;
  readonly version: string;
  /** `name=value`, comma-separated. */
  readonly resourceAttributes: string;
  /** Where spans go, OTLP over HTTP in protobuf. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** How long spans are gathered for one request. */
  readonly delayMs: number;
  readonly sampler: string;
  /** 0 to 1. */
  readonly samplerRatio: number;
  readonly log: { warn(facts: object, message: string): void };
}

/** Loads OpenTelemetry, which nothing else does. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const { createTracing } = await import('./open-telemetry.ts');
  return createTracing(options);
}

/** Runs the work in a span that ends with it; without tracing, just the work. */
export async function inSpan<T>(
  tracing: Tracing | null,
  start: () => SpanStart,
  work: () => Promise<T>,
): Promise<T> {
  if (tracing === null) return await work();
  const span = tracing.start(start());
  try {
    return await tracing.run(span, work);
  } catch (error) {
    span.failed(error);
    throw error;
  } finally {
    span.end();
  }
}
