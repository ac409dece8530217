import { type ChoiceSetting, flag, number, type Setting, secret, text } from './setting.ts';

/** Traces, by OpenTelemetry's own names. */
export const telemetrySettings = {
  otelDisabled: flag('OTEL_SDK_DISABLED', 'No traces, whatever the others say.'),
  otelTracesExporter: {
    kind: 'choice',
    env: ['OTEL_TRACES_EXPORTER'],
    choices: ['', 'otlp', 'none'],
    default: '',
    doc: 'Where traces go. Default: otlp when an endpoint is set, else none.',
  } satisfies ChoiceSetting,
  otelEndpoint: text(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    '',
    'OTLP over HTTP, for example http://collector:4318; `/v1/traces` is added.',
  ),
  otelTracesEndpoint: text(
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    '',
    'The same for traces alone, used as it is.',
  ),
  otelProtocol: {
    kind: 'choice',
    env: ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    choices: ['http/protobuf', 'http/json', 'grpc'],
    default: 'http/protobuf',
    doc: 'How they are written; only http/protobuf is served.',
  } satisfies ChoiceSetting,
  otelHeaders: secret(
    ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'],
    'Headers of the requests, `name=value`, comma-separated.',
  ),
  otelTimeoutMs: number(
    ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
    'ms',
    10_000,
    1,
    600_000,
    'How long the receiver of traces may take.',
  ),
  otelDelayMs: number(
    'OTEL_BSP_SCHEDULE_DELAY',
    'ms',
    5_000,
    1,
    600_000,
    'How long spans are gathered before they are sent.',
  ),
  otelServiceName: text('OTEL_SERVICE_NAME', '', 'Name of this service in traces. Default: sluice.'),
  otelResourceAttributes: text(
    'OTEL_RESOURCE_ATTRIBUTES',
    '',
    'More about this process, `name=value`, comma-separated.',
  ),
  otelSampler: {
    kind: 'choice',
    env: ['OTEL_TRACES_SAMPLER'],
    choices: [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    default: 'parentbased_always_on',
    doc: 'Which traces are kept. At thousands of requests a second take parentbased_traceidratio.',
  } satisfies ChoiceSetting,
  otelSamplerArg: text(
    'OTEL_TRACES_SAMPLER_ARG',
    '',
    'The share that traceidratio keeps, 0 to 1. Default: 1.',
  ),
} as const satisfies Record<string, Setting>;
