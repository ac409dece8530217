/** A receiver of webhooks over HTTP, for tests. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Call {
  readonly id: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface TestReceiver {
  readonly url: string;
  readonly calls: Call[];
  /** How it answers from now on; null: not at all. */
  answer: number | null;
}

export async function openTestReceiver(t: { after(fn: () => void): void }): Promise<TestReceiver> {
  const receiver = { url: '', calls: [] as Call[], answer: 200 as number | null };
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const id = String(request.headers['webhook-id']);
      receiver.calls.push({ id, headers: request.headers, body: Buffer.concat(chunks).toString() });
      if (receiver.answer === null) return;
      response.statusCode = receiver.answer;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return receiver;
}
