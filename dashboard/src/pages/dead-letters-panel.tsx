import { useContext } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { DeadLetterGroup } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { reasonWords } from '../format/letter.ts';
import { fullNumber, shortNumber } from '../format/number.ts';
import { age } from '../format/time.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { RankedList } from '../ui/ranked-list.tsx';

const PATH = '/dead-letters';

/** What waits to be mended, by reason; the page of dead letters has the rest. */
export function DeadLettersPanel() {
  const { location } = useContext(ServicesContext);
  const { app, query } = usePage();
  const groups = useQuery<{ data: DeadLetterGroup[] }>(
    requestKey('/v1/dead-letters/groups', { app_id: app, state: 'open' }),
  );
  const rows = [...(groups.data?.data ?? [])].sort((a, b) => b.open - a.open);
  const total = rows.reduce((sum, row) => sum + row.open, 0);
  return (
    <Panel
      title="Dead letters"
      class="panel-list"
      tools={
        <>
          <span class="muted">{total > 0 ? `${shortNumber(total)} open` : ''}</span>
          <Link path={PATH} query={sharedQuery(query)} class="button button-small">
            See all <Icon name="arrow" size={14} />
          </Link>
        </>
      }
    >
      <States
        query={groups}
        skeleton={<SkeletonRows count={5} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>None are open</b>
              <br />
              <span class="muted">Every event that came in was read, mended or put aside.</span>
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
            value: row.open,
          }))}
          total={total}
          short={shortNumber}
          full={(value) => `${fullNumber(value)} events`}
          color="--series-red"
          onPick={(row) => {
            const next = sharedQuery(query);
            next.set('reason', row.id);
            location.go(PATH, next);
          }}
        />
      </States>
    </Panel>
  );
}
