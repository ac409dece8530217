/** One playback of one title, event after event, as a player would tell it. */
import type { Title } from './catalogue.ts';
import type { Random } from './random.ts';

/** What a player says: when (epoch ms), what, and its particulars. */
export interface PlayerEvent {
  readonly at: number;
  readonly name: string;
  readonly properties: Record<string, unknown>;
}

const qualities = [
  { quality: '480p', bitrate: 1_200_000 },
  { quality: '720p', bitrate: 2_800_000 },
  { quality: '1080p', bitrate: 5_200_000 },
  { quality: '2160p', bitrate: 15_600_000 },
] as const;
const secondMs = 1_000;
const minuteMs = 60 * secondMs;

/** How long somebody watches, in ms: some leave at once, many see the end, the others stop on the way. */
function plannedWatchMs(title: Title, random: Random): number {
  const mood = random.next();
  if (mood < 0.1) return random.between(150, 9_000);
  if (title.duration_seconds === null)
    return Math.round(-Math.log(1 - random.next()) * 12 * minuteMs) + secondMs;
  const durationMs = title.duration_seconds * secondMs;
  // Long films are given up more often than clips.
  const finishes = title.duration_seconds < 900 ? 0.6 : 0.35;
  return mood < 0.1 + finishes ? durationMs : Math.round(durationMs * random.next() * 0.94) + secondMs;
}

/** What can come between two beats of the player. Yields its events and returns the time (epoch ms) after them. */
function* interruption(at: number, positionMs: number, random: Random): Generator<PlayerEvent, number> {
  const kind = random.next();
  if (kind < 0.35) {
    const stalledMs = random.between(200, 4_000);
    const name = random.chance(0.5) ? 'video_buffer' : 'video_buffering';
    yield { at, name, properties: { buffer_duration_ms: stalledMs, position_ms: positionMs } };
    return at + stalledMs;
  }
  if (kind < 0.6) {
    yield { at, name: 'video_pause', properties: { position_ms: positionMs } };
    const resumedAt = at + random.between(1_500, 180_000);
    yield { at: resumedAt, name: 'video_resume', properties: { position_ms: positionMs } };
    return resumedAt + 1;
  }
  if (kind < 0.78) {
    const to = Math.max(0, positionMs + random.between(-60_000, 120_000));
    yield { at, name: 'seek', properties: { from_ms: positionMs, to_ms: to } };
    return at + random.between(50, 400);
  }
  if (kind < 0.97) {
    const { quality, bitrate } = random.pick(qualities);
    yield { at, name: 'quality_change', properties: { quality, bitrate, position_ms: positionMs } };
    return at + 1;
  }
  const properties = {
    code: random.pick(['NETWORK', 'MANIFEST', 'DECODE']),
    fatal: false,
    position_ms: positionMs,
  };
  yield { at, name: 'video_error', properties };
  return at + random.between(300, 2_000);
}

/** All events of one playback that begins at `startAt` (epoch ms), in order, no two in the same millisecond. */
export function* playback(title: Title, startAt: number, random: Random): Generator<PlayerEvent> {
  const { app } = title;
  // A few of the old players send neither beats nor the time watched, so that only their starts and stops tell.
  const silent = app.dialect === 'camel' && random.chance(0.15);
  const durationMs = title.duration_seconds === null ? null : title.duration_seconds * secondMs;
  const beatMs = durationMs === null || durationMs > 20 * minuteMs ? 30 * secondMs : 10 * secondMs;
  const { quality, bitrate } = random.pick(qualities);
  const start: Record<string, unknown> = { position_ms: 0, quality, bitrate, autoplay: random.chance(0.2) };
  if (durationMs !== null) start.duration_ms = durationMs;
  yield { at: startAt, name: 'video_start', properties: start };
  let at = startAt + 1;
  if (random.chance(0.012)) {
    at += random.between(300, 3_000);
    yield { at, name: 'video_error', properties: { code: 'MANIFEST', fatal: true, position_ms: 0 } };
    return;
  }
  const planned = plannedWatchMs(title, random);
  let watchedMs = 0;
  while (watchedMs < planned) {
    if (random.chance(0.06)) at = yield* interruption(at, watchedMs, random);
    const stepMs = Math.min(beatMs, planned - watchedMs);
    at += stepMs + random.between(1, 60);
    watchedMs += stepMs;
    if (silent || stepMs < beatMs) continue;
    const properties: Record<string, unknown> = { position_ms: watchedMs };
    if (app.beatSaysWatchTime) properties.watch_ms = stepMs;
    yield { at, name: app.beat, properties };
    at += 1;
  }
  const completed = durationMs !== null && watchedMs >= durationMs;
  if (completed) yield { at: at++, name: 'video_complete', properties: { position_ms: watchedMs } };
  // Some just close the lid: no view_end ever comes.
  if (random.chance(0.08)) return;
  const end: Record<string, unknown> = { completed, position_ms: watchedMs };
  if (!silent && (app.sendsViewId || random.chance(0.5))) end.watch_ms = watchedMs;
  if (watchedMs < 2_000 && random.chance(0.5)) end.instant_skip = true;
  yield { at: at + random.between(1, 30), name: 'view_end', properties: end };
}
