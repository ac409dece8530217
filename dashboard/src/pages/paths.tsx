import { useContext } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { Paths } from '../data/types-retention.ts';
import { useQuery } from '../data/use-query.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { type PageState, usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { NamedInput } from '../ui/named-input.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { FlowColumns } from './paths/flow-columns.tsx';

const DEPTHS = [1, 2, 3, 4, 5, 7, 10];
const DEPTH_DEFAULT = 4;
const LINKS_MAX = 40;

interface Asked {
  by: 'page' | 'event';
  /** Whether `at` is the beginning or the end of the paths. */
  side: 'start' | 'end';
  at: string;
  depth: number;
}

function readAsked({ query }: PageState): Asked {
  const depth = Number(query.get('depth') ?? DEPTH_DEFAULT);
  return {
    by: query.get('by') === 'event' ? 'event' : 'page',
    side: query.get('side') === 'end' ? 'end' : 'start',
    at: query.get('at') ?? '',
    depth: DEPTHS.includes(depth) ? depth : DEPTH_DEFAULT,
  };
}

/** Where sessions go on to from a page or event, or where they came from. */
export function PathsPage() {
  const page = usePage();
  const { location } = useContext(ServicesContext);
  useLiveSubscription(page.app, false);
  const asked = readAsked(page);
  const { range } = page;
  const answer = useQuery<Paths>(
    requestKey('/v1/paths', {
      app_id: page.app,
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      timezone: range.timezone,
      by: asked.by,
      depth: asked.depth,
      limit: LINKS_MAX,
      start: asked.side === 'start' ? asked.at : null,
      end: asked.side === 'end' ? asked.at : null,
    }),
    page.asked,
  );
  const names = [...new Set((answer.data?.nodes ?? []).map(({ name }) => name))].sort();
  return (
    <>
      <PageHead title="Paths" caption={page.caption} hasFilters={false} />
      <Panel title="Ways through sessions" class="panel-paths" tools={<BySwitch by={asked.by} />}>
        <Question asked={asked} names={names} />
        <States
          query={answer}
          skeleton={<SkeletonRows count={9} />}
          isEmpty={answer.data?.nodes.length === 0}
          empty={<NoPaths asked={asked} />}
        >
          {answer.data !== null && (
            <FlowColumns
              key={page.asked}
              answer={answer.data}
              onStart={(name) => location.change({ at: name, side: null })}
            />
          )}
        </States>
      </Panel>
    </>
  );
}

function NoPaths({ asked }: { asked: Asked }) {
  const what = asked.by === 'page' ? 'page view' : 'event';
  return (
    <Empty>
      <p>
        <b>{asked.at === '' ? `No ${what} in this range` : `No session has “${asked.at}” in this range`}</b>
        <br />
        <span class="muted">
          {asked.by === 'page' && asked.at === ''
            ? 'Pages are those of “page_view” events. Look at events instead, or pick a longer range.'
            : 'Look for another one, or pick a longer range.'}
        </span>
      </p>
    </Empty>
  );
}

function BySwitch({ by }: { by: Asked['by'] }) {
  const { location } = useContext(ServicesContext);
  return (
    <div class="segments">
      {(['page', 'event'] as const).map((one) => (
        <button
          key={one}
          type="button"
          class="segment"
          aria-pressed={by === one}
          onClick={() => location.change({ by: one === 'page' ? null : one, at: null })}
        >
          {one === 'page' ? 'Pages' : 'Events'}
        </button>
      ))}
    </div>
  );
}

function Question({ asked, names }: { asked: Asked; names: readonly string[] }) {
  const { location } = useContext(ServicesContext);
  return (
    <div class="report-params question">
      <label class="report-param">
        <span class="muted">Paths</span>
        <select
          class="input input-small"
          value={asked.side}
          onChange={(event) => location.change({ side: event.currentTarget.value === 'end' ? 'end' : null })}
        >
          <option value="start">that go on from</option>
          <option value="end">that lead to</option>
        </select>
      </label>
      <NamedInput
        label={asked.by === 'page' ? 'Page' : 'Event'}
        value={asked.at}
        placeholder={asked.side === 'start' ? 'first of a session' : 'pick the end'}
        options={names}
        onPick={(at) => location.change({ at: at || null })}
      />
      <label class="report-param">
        <span class="muted">Steps</span>
        <select
          class="input input-small"
          value={asked.depth}
          onChange={(event) => location.change({ depth: event.currentTarget.value }, 'replace')}
        >
          {DEPTHS.map((depth) => (
            <option key={depth} value={depth}>
              {depth + 1}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
