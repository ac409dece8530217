import { Agent, request } from 'node:http';
import { videoId } from './bodies.ts';
import { Histogram } from './histogram.ts';

/** What people ask while events come in: a fixed set of questions, asked over HTTP by some callers at once, in turn. */

export interface QuestionTimes {
  readonly name: string;
  readonly path: string;
  readonly asked: number;
  /** Milliseconds, of answers 200. */
  readonly p50: number;
  readonly p95: number;
  /** Answers by status; 0 is none. */
  readonly statuses: Readonly<Record<string, number>>;
}

export const CALLERS = 20;

/** A title that few have watched; its rank among 20,000. */
const COLD_RANK = 12_345;

/** Paths of the questions at a moment, epoch ms. */
export function questions(now: number): readonly { name: string; path: string }[] {
  const day = new Date(now).toISOString().slice(0, 10);
  const from = new Date(now - 3_600_000).toISOString();
  const to = new Date(now + 60_000).toISOString();
  const video = (rank: number) => `/api/metrics/video/${videoId(rank)}?startDate=${day}&endDate=${day}`;
  const metric = (words: string) => `/metrics?from=${from}&to=${to}&${words}`;
  return [
    { name: 'video, hot', path: video(1) },
    { name: 'video, cold', path: video(COLD_RANK) },
    { name: 'events by minute', path: metric('metric=events&interval=1m') },
    { name: 'events by name', path: metric('metric=events&group_by=event_name') },
    { name: 'users by 5 minutes', path: metric('metric=users&interval=5m') },
    { name: 'views by video, top 20', path: metric('metric=views&group_by=video_id&limit=20') },
    { name: 'watch time by app', path: metric('metric=watch_time_seconds&interval=5m&group_by=app_id') },
    { name: 'realtime', path: '/api/metrics/realtime' },
    { name: 'events of a video', path: `/v1/events?video_id=${videoId(1)}&limit=50` },
    { name: 'latest events', path: '/v1/events?limit=50' },
  ];
}

interface Asked {
  readonly name: string;
  readonly path: string;
  readonly times: Histogram;
  readonly statuses: Record<string, number>;
}

/** Asks until the signal ends. A question that answers 404 is asked once. */
export async function askQuestions(url: string, signal: AbortSignal): Promise<readonly QuestionTimes[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  const asked: Asked[] = [];
  for (const question of questions(Date.now())) {
    const entry = { ...question, times: new Histogram(), statuses: {} as Record<string, number> };
    asked.push(entry);
    await ask(url, agent, entry, signal);
    // The first is not counted among the times: it may have had to compile what the others find.
    entry.times.reset();
  }
  const served = asked.filter(({ statuses }) => !statuses[404]);
  let turn = 0;
  const call = async () => {
    while (!signal.aborted && served.length > 0)
      await ask(url, agent, served[turn++ % served.length]!, signal);
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  agent.destroy();
  return asked.map(({ name, path, times, statuses }) => ({
    name,
    path,
    asked: times.total,
    p50: times.quantile(0.5) / 1000,
    p95: times.quantile(0.95) / 1000,
    statuses,
  }));
}

/** A question under way when the signal ends is given up and not counted. */
async function ask(url: string, agent: Agent, question: Asked, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  // Nothing may come from a cache: what is measured is the answer, not its copy.
  const status = await get(`${url}${question.path}`, agent, signal, { 'cache-control': 'no-cache' });
  if (signal.aborted) return;
  question.statuses[status] = (question.statuses[status] ?? 0) + 1;
  if (status === 200) question.times.add((performance.now() - began) * 1000);
}

/** The status; 0 without an answer. */
export function get(
  url: string,
  agent: Agent,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  return new Promise((resolve) => {
    const call = request(url, { agent, headers, signal }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    call.on('error', () => resolve(0));
    call.end();
  });
}
