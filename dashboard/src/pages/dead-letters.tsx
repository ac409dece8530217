import { useContext } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { DeadLetter, DeadLetterGroup, Page } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { fullNumber, shortNumber } from '../format/number.ts';
import { age, eventTime, exactTime } from '../format/time.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { RankedList } from '../ui/ranked-list.tsx';
import { Scroller } from '../ui/scroller.tsx';

const SHOWN_MAX = 20;

/** Reasons are a closed list of codes; in the page they are words. */
function reasonWords(reason: string): string {
  const words = reason.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What could not be stored, by reason; a reason opens to its letters. */
export function DeadLetters() {
  const { location } = useContext(ServicesContext);
  const { app, query: place } = usePage();
  const picked = place.get('reason');
  const groups = useQuery<{ data: DeadLetterGroup[] }>(
    requestKey('/v1/dead-letters/groups', { app_id: app }),
  );
  const rows = [...(groups.data?.data ?? [])].sort((a, b) => b.count - a.count);
  const total = rows.reduce((sum, row) => sum + row.count, 0);
  return (
    <Panel
      title="Dead letters"
      class="panel-list"
      tools={<span class="muted">{total > 0 ? `${shortNumber(total)} kept` : ''}</span>}
    >
      <States
        query={groups}
        skeleton={<SkeletonRows count={5} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>None</b>
              <br />
              <span class="muted">Every event that came in could be read.</span>
            </p>
          </Empty>
        }
      >
        <RankedList
          label="Dead letters by reason"
          rows={rows.map((row) => ({
            id: row.reason,
            label: reasonWords(row.reason),
            hint: `last ${age(Date.now() - Date.parse(row.last_seen))}`,
            value: row.count,
          }))}
          total={total}
          short={shortNumber}
          full={(value) => `${fullNumber(value)} events`}
          color="--series-red"
          picked={picked ?? undefined}
          onPick={(row) => location.change({ reason: row.id === picked ? null : row.id }, 'replace')}
        />
        {picked !== null && <Letters reason={picked} app={app} />}
      </States>
    </Panel>
  );
}

function sourceWords(source: DeadLetter['source']): string {
  if (source === null) return 'unknown source';
  if (source.path !== undefined) return source.path;
  const place = [source.partition, source.offset, source.index]
    .filter((part) => part !== undefined)
    .join('/');
  return `${source.topic ?? 'log'} ${place}`;
}

function payloadText(payload: unknown): string {
  if (typeof payload !== 'string') return JSON.stringify(payload, null, 2);
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    return payload;
  }
}

function Letters({ reason, app }: { reason: string; app: string | null }) {
  const query = useQuery<Page<DeadLetter>>(
    requestKey('/v1/dead-letters', { reason, limit: SHOWN_MAX, app_id: app }),
    reason,
  );
  const letters = query.data?.data ?? [];
  return (
    <div class="letters">
      <h3>{reasonWords(reason)}: the latest</h3>
      <States
        query={query}
        skeleton={<SkeletonRows count={3} />}
        isEmpty={letters.length === 0}
        empty={<Empty>None are kept any more.</Empty>}
      >
        {letters.map((letter) => (
          <details key={letter.id} class="letter">
            <summary>
              <time dateTime={letter.received_at} title={exactTime(letter.received_at)}>
                {eventTime(letter.received_at, new Date())}
              </time>
              <span>{letter.detail ?? reasonWords(letter.reason)}</span>
              <span class="muted small">{sourceWords(letter.source)}</span>
            </summary>
            <Scroller label="What was sent" class="payload">
              <pre>{payloadText(letter.payload)}</pre>
            </Scroller>
          </details>
        ))}
        {query.data?.next_cursor != null && (
          <p class="panel-note">The latest {SHOWN_MAX}; the API lists the rest at /v1/dead-letters.</p>
        )}
      </States>
    </div>
  );
}
