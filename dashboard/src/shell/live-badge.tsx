import { useContext, useEffect, useState } from 'preact/hooks';
import type { LiveNow } from '../data/live.ts';
import { shortNumber } from '../format/number.ts';
import { shortAge } from '../format/time.ts';
import { useTick } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';

const WORDS: Record<LiveNow['state'], string> = {
  connecting: 'Connecting',
  live: 'Live',
  stale: 'Stale',
  offline: 'Offline',
};

const ANNOUNCE_EVERY_MS = 30_000;

/** The live dot with the age of the data; a word says what the colour says. */
export function LiveBadge() {
  const { live } = useContext(ServicesContext);
  const now = useStore(live.now);
  useTick(1_000);
  const ageMs = now.heardAt === 0 ? null : Date.now() - now.heardAt;
  const said = ageMs === null ? '' : shortAge(ageMs);
  return (
    <button
      type="button"
      class={`live-badge live-${now.state}`}
      data-live={now.state}
      aria-label={`${WORDS[now.state]}${said === '' ? '' : `, data ${said} old`}`}
      title={
        now.state === 'live'
          ? `Live figures come each second; the last came ${said} ago`
          : `${WORDS[now.state]}. Click to connect now`
      }
      onClick={() => live.retry()}
    >
      <i class="live-dot" />
      <span class="live-word">{WORDS[now.state]}</span>
      <span class="live-age">{said}</span>
      <Announcer />
    </button>
  );
}

/** Reads the live figures out at a calm pace. */
function Announcer() {
  const { live } = useContext(ServicesContext);
  const [text, setText] = useState('');
  useEffect(() => {
    const timer = setInterval(() => {
      const { metrics, state } = live.now.get();
      if (metrics === null || state !== 'live') setText('Live figures are not up to date.');
      else {
        setText(
          `${shortNumber(metrics.concurrent_viewers)} watching now, ${shortNumber(metrics.events_per_second)} events a second.`,
        );
      }
    }, ANNOUNCE_EVERY_MS);
    return () => clearInterval(timer);
  }, [live]);
  return (
    <span class="sr-only" aria-live="polite">
      {text}
    </span>
  );
}

/** Says that live figures have grown old. It floats, so that nothing moves. */
export function LiveNotice() {
  const { live } = useContext(ServicesContext);
  const now = useStore(live.now);
  useTick(1_000);
  const ageMs = Date.now() - now.heardAt;
  const isOld = now.state === 'stale' || (now.state === 'offline' && ageMs > 3_000);
  if (!isOld) return null;
  const old = now.heardAt === 0 ? 'Live figures cannot be had' : `Live figures are ${shortAge(ageMs)} old`;
  const next =
    now.state === 'stale'
      ? 'waiting for the service'
      : `connecting again ${now.retryAt > Date.now() ? `in ${shortAge(now.retryAt - Date.now())}` : 'now'}`;
  return (
    <div class="notice" role="status">
      <i class="live-dot" />
      <span>
        {old}; {next}.
      </span>
      {now.state === 'offline' && (
        <button type="button" class="link" onClick={() => live.retry()}>
          Now
        </button>
      )}
    </div>
  );
}
