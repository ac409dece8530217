/** Prometheus on its own port, so that numbers about the service need no way through its guards. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface MetricsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves `/metrics`, and `/` as seed 001 has it, in the text format. Port 0 takes a free one. */
export async function startMetricsServer(options: {
  port: number;
  host: string;
  registry: Registry;
}): Promise<MetricsServer> {
  const { registry } = options;
  const server = createServer({ headersTimeout: 5000, requestTimeout: 10_000 }, (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'text/plain', 'GET only\n');
    } else if (path !== '/' && path !== '/metrics') {
      answer(response, 404, 'text/plain', 'metrics are at /metrics\n');
    } else {
      registry.metrics().then(
        (text) => answer(response, 200, registry.contentType, text),
        (error: unknown) => answer(response, 500, 'text/plain', `${String(error)}\n`),
      );
    }
  });
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
