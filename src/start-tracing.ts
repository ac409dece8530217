import { type Config, wantsTraces } from './config.ts';
import type { Logger } from './telemetry/logger.ts';
import { openTracing, type Tracing } from './telemetry/tracing.ts';

const DEFAULT_ENDPOINT = 'http://localhost:4318';

/** null when nobody asked for traces: then nothing of OpenTelemetry is loaded. */
export async function startTracing(config: Config, version: string, logger: Logger): Promise<Tracing | null> {
  if (!wantsTraces(config)) return null;
  const base = config.otelEndpoint || DEFAULT_ENDPOINT;
  return await openTracing({
    serviceName: config.otelServiceName,
    version,
    resourceAttributes: config.otelResourceAttributes,
    url: config.otelTracesEndpoint || `${base.replace(/\/$/, '')}/v1/traces`,
    headers: readPairs(config.otelHeaders),
    timeoutMs: config.otelTimeoutMs,
    delayMs: config.otelDelayMs,
    sampler: config.otelSampler,
    samplerRatio: config.otelSamplerArg === '' ? 1 : Number(config.otelSamplerArg),
    log: logger,
  });
}

/** `name=value`, comma-separated, values percent-encoded. */
function readPairs(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((pair): [string, string][] => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]];
  });
  return Object.fromEntries(pairs);
}
