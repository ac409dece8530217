/**
 * Microseconds of CPU per event in the kernel: `scan` of request bodies and `add` of the lines that it made, over
 * realistic video events of about 340 bytes, 100 in a body. Run: node bench/kernel.ts [seconds per measure]
 */

import { openReferenceKernel } from '../src/event/kernel/reference.ts';
import { openKernel } from '../src/event/kernel/wasm.ts';
import type { Kernel } from '../src/event/kernel.ts';

const eventsPerBody = 100;
const bodies = 20;
const now = Date.UTC(2026, 10, 23, 12);

function uuid(n: number): string {
  return `01a1fff3-ead1-7a65-8ada-${n.toString(16).padStart(12, '0')}`;
}

/** A heartbeat as our SDK sends it. */
function videoEvent(n: number): unknown {
  return {
    event_id: uuid(n),
    event_name: ['video_start', 'video_heartbeat', 'video_heartbeat', 'video_pause', 'view_end'][n % 5],
    user_id: `user_${(n * 7919) % 100_000}`,
    session_id: `s_${((n * 104_729) % 1e9).toString(36).padStart(8, '0')}`,
    video_id: `video_${(n * 31) % 500}`,
    timestamp: new Date(now - (n % 60_000)).toISOString(),
    properties: {
      watch_ms: (n * 137) % 600_000,
      position: (n % 6000) / 10,
      quality: '1080p',
      bitrate_kbps: 4800,
      title: 'Grüße aus Köln',
      ok: true,
    },
  };
}

/** The same with the context that a web page adds, and the aliases of seed 002. */
function pageEvent(n: number): unknown {
  return {
    event_type: 'page_view',
    userId: `user_${(n * 7919) % 100_000}`,
    sessionId: `s_${n % 1000}`,
    ts: now - (n % 60_000),
    properties: { title: 'A page "with" quotes', load_ms: 812.5 },
    context: {
      user_agent:
        'Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36',
      page: {
        url: `https://example.com/watch/${n % 300}?ref=home`,
        path: `/watch/${n % 300}`,
        referrer: 'https://www.google.com/',
      },
      utm_source: 'newsletter',
      locale: 'de-DE',
      screen: { width: 1920, height: 1080 },
    },
  };
}

function makeBodies(make: (n: number) => unknown): Buffer[] {
  return Array.from({ length: bodies }, (_, b) =>
    Buffer.from(JSON.stringify(Array.from({ length: eventsPerBody }, (_, i) => make(b * eventsPerBody + i)))),
  );
}

/** Median of five measures of CPU microseconds per event. `run` handles one round of all bodies. */
function measure(seconds: number, run: () => void): number {
  const results: number[] = [];
  for (let i = 0; i < 6; i++) {
    const cpu = process.cpuUsage();
    const end = performance.now() + (seconds * 1000) / 5;
    let rounds = 0;
    for (; performance.now() < end; rounds++) run();
    const used = process.cpuUsage(cpu);
    results.push((used.user + used.system) / (rounds * bodies * eventsPerBody));
  }
  // The first measure warms up.
  return results.slice(1).sort((a, b) => a - b)[2]!;
}

function benchKernel(
  kernel: Kernel,
  seconds: number,
  make: (n: number) => unknown,
): { scan: number; add: number } {
  const input = makeBodies(make);
  let ids = 0;
  const options = {
    receivedAt: now,
    mode: 'auto',
    defaultName: null,
    maxEvents: 1000,
    oldestAllowed: now - 1e9,
    newestAllowed: now + 1e8,
    sentAt: null,
    nextIds: (n: number) => {
      const bytes = new Uint8Array(16 * n);
      new DataView(bytes.buffer).setUint32(0, ++ids);
      return bytes;
    },
  } as const;
  const lines = input.map((body) => new Uint8Array(kernel.scanner.scan(body, options).lines));
  const scan = measure(seconds, () => {
    for (const body of input) kernel.scanner.scan(body, options);
  });
  const block = kernel.createBlockBuilder();
  const add = measure(seconds, () => {
    block.reset();
    for (const [offset, value] of lines.entries()) {
      block.add({ value, receivedAt: now, sentAt: null, app: 'app', partition: 0, offset }, null);
    }
  });
  return { scan, add };
}

const seconds = Number(process.argv[2] ?? 2);
for (const [name, make] of Object.entries({ videoEvent, pageEvent })) {
  const bytes = makeBodies(make)[0]!.length / eventsPerBody;
  for (const kernel of [await openKernel(), openReferenceKernel()]) {
    const { scan, add } = benchKernel(kernel, kernel.kind === 'wasm' ? seconds : seconds / 2, make);
    console.log(
      `${name} ${bytes.toFixed(0)} B ${kernel.kind}: scan ${scan.toFixed(2)} us, add ${add.toFixed(2)} us an event`,
    );
  }
}
