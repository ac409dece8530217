import type { ComponentChildren } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { AnalyticsEvent, Page } from '../data/types.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';
import { CopyBlock } from '../ui/copy.tsx';
import { Icon } from '../ui/icon.tsx';

const LOOK_BACK_DAYS = 90;
const ASK_EVERY_MS = 5_000;
const WELCOME_MS = 12_000;

type Knowledge = 'unknown' | 'nothing' | 'just-arrived' | 'events';

/** Knows whether any event was ever seen, and turns at the first one: by WebSocket, else by asking. */
function useFirstEvent(): { knowledge: Knowledge; name: string | null } {
  const { api, live, refresh } = useContext(ServicesContext);
  const metrics = useStore(live.now).metrics;
  const tick = useStore(refresh);
  const [knowledge, setKnowledge] = useState<Knowledge>('unknown');
  const [name, setName] = useState<string | null>(null);

  function arrive(event: AnalyticsEvent | null): void {
    setName(event?.event_name ?? null);
    setKnowledge('just-arrived');
    refresh.set(refresh.get() + 1);
  }

  useEffect(() => {
    if (knowledge !== 'unknown' && knowledge !== 'nothing') return;
    const controller = new AbortController();
    async function ask(): Promise<void> {
      const from = new Date(Date.now() - LOOK_BACK_DAYS * 86_400_000).toISOString();
      const key = requestKey('/v1/events', {
        limit: 1,
        from,
        to: new Date(Date.now() + 86_400_000).toISOString(),
      });
      try {
        const { data } = await api.read<Page<AnalyticsEvent>>(key, controller.signal);
        if (data.length === 0) setKnowledge('nothing');
        else if (knowledge === 'nothing') arrive(data[0]!);
        else setKnowledge('events');
      } catch {
        // Each panel says what is wrong; here it only means that nothing is known yet.
      }
    }
    void ask();
    const timer = setInterval(() => void ask(), ASK_EVERY_MS);
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [knowledge, api, tick]);

  useEffect(() => {
    if (knowledge !== 'nothing') return;
    live.subscribe({ events: true });
    return live.onEvent(arrive);
  }, [knowledge, live]);

  useEffect(() => {
    if (knowledge === 'nothing' && metrics !== null && metrics.events_per_second > 0) arrive(null);
  }, [knowledge, metrics]);

  useEffect(() => {
    if (knowledge !== 'just-arrived') return;
    const timer = setTimeout(() => setKnowledge('events'), WELCOME_MS);
    return () => clearTimeout(timer);
  }, [knowledge]);

  return { knowledge, name };
}

/** Shows what to send until something was sent. */
export function FirstEventGate({ needed, children }: { needed: boolean; children: ComponentChildren }) {
  const { knowledge, name } = useFirstEvent();
  if (needed && knowledge === 'nothing') return <Onboarding />;
  return (
    <>
      {children}
      {knowledge === 'just-arrived' && (
        <div class="notice notice-good" role="status">
          <Icon name="check" />
          <span>
            The first event is here{name === null ? '' : `: ${name}`}. From now on these pages are live.
          </span>
        </div>
      )}
    </>
  );
}

function exampleCommand(origin: string): string {
  const event = {
    event_name: 'video_start',
    user_id: 'me',
    video_id: 'my-first-video',
    properties: { duration: 60 },
  };
  return `curl ${origin}/events \\\n  -H 'content-type: application/json' \\\n  -d '${JSON.stringify([event])}'`;
}

function Onboarding() {
  return (
    <div class="onboarding">
      <div class="onboarding-wait" role="status">
        <i class="live-dot" /> Waiting for the first event
      </div>
      <h1>Send one event, and this page comes to life</h1>
      <p class="muted">Run this in a terminal. It tells Sluice that somebody began to watch a video.</p>
      <CopyBlock text={exampleCommand(window.location.origin)} label="Command that sends the first event" />
      <dl class="onboarding-next">
        <div>
          <dt>Asked for a key?</dt>
          <dd>
            Add <code>-H 'x-api-key: …'</code>, the key with the scope “ingest”.
          </dd>
        </div>
        <div>
          <dt>From your player or app</dt>
          <dd>
            Send <code>video_start</code>, <code>video_heartbeat</code> and <code>video_complete</code>; up to
            1,000 events in one request.
          </dd>
        </div>
        <div>
          <dt>Everything else</dt>
          <dd>
            One event, an array or one event a line, plain or compressed: see the <a href="/docs">API docs</a>
            .
          </dd>
        </div>
      </dl>
    </div>
  );
}
