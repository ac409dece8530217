import { useState } from 'preact/hooks';
import type { PlanWithViolations, Violation } from '../../data/types-plans.ts';
import { type Query, useQuery } from '../../data/use-query.ts';
import { fullNumber, shortNumber } from '../../format/number.ts';
import { eventTime, exactTime } from '../../format/time.ts';
import { sharedQuery } from '../../state/location.ts';
import { usePage } from '../../state/page.ts';
import { DeleteButton } from '../../ui/delete-button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Link } from '../../ui/link.tsx';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { Scroller } from '../../ui/scroller.tsx';
import { planPath } from './draft.ts';
import { PlanModeTag } from './list.tsx';
import { readSample } from './sample.ts';
import { SampleField, StoredTrial } from './trial.tsx';
import { useCheck } from './use-check.ts';

/** Kinds that one answer holds. */
const KINDS_MAX = 50;

interface Props {
  event: string;
  /** Empty: the plan for all apps. */
  app: string;
  canChange: boolean;
  onEdit(plan: PlanWithViolations): void;
  onDeleted(): void;
}

/** One plan: its schema, what events have against it, and a place to try it. */
export function OnePlan({ event, app, canChange, onEdit, onDeleted }: Props) {
  const path = planPath(event, app);
  const query = useQuery<PlanWithViolations>(path, path);
  // Here, so that it outlives a plan that is read anew.
  const [text, setText] = useState('');
  const plan = query.data;
  return (
    <>
      <Panel
        title={`${event}${app === '' ? '' : ` in ${app}`}`}
        class="panel-plan"
        tools={
          plan !== null && (
            <>
              <PlanModeTag plan={plan} />
              {canChange && (
                <>
                  <button type="button" class="button button-small" onClick={() => onEdit(plan)}>
                    Edit
                  </button>
                  <DeleteButton path={path} onDeleted={onDeleted} />
                </>
              )}
            </>
          )
        }
      >
        <States query={query} skeleton={<SkeletonRows count={8} />}>
          {plan !== null && <PlanDesk plan={plan} text={text} onInput={setText} />}
        </States>
      </Panel>
      {plan !== null && <Violations query={query} violations={plan.violations} canMend={canChange} />}
    </>
  );
}

interface DeskProps {
  plan: PlanWithViolations;
  /** The event that is pasted to try it. */
  text: string;
  onInput(text: string): void;
}

function PlanDesk({ plan, text, onInput }: DeskProps) {
  const sample = text.trim() === '' ? null : readSample(text);
  const properties = sample?.value?.properties ?? null;
  const schema = plan.schema as object;
  const checked = useCheck(plan.event_name, properties === null ? null : schema, properties);
  const { description, owner, updated_at, effective_at } = plan;
  const waits = Date.parse(effective_at) > Date.now();
  return (
    <div class="plan-body">
      {description !== null && <p class="plan-words">{description}</p>}
      <p class="muted small plan-words">
        {owner !== null && <>Owner: {owner}. </>}
        Changed <time title={exactTime(updated_at)}>{eventTime(updated_at, new Date())}</time>
        {waits ? ', in force from ' : ', in force since '}
        <time title={exactTime(effective_at)}>{eventTime(effective_at, new Date())}</time>.
      </p>
      <div class="plan-desk">
        <div class="plan-text">
          <span class="muted">JSON schema of the event’s properties</span>
          <Scroller label="JSON schema" class="payload plan-schema">
            <pre>{JSON.stringify(schema, null, 2)}</pre>
          </Scroller>
        </div>
        <SampleField
          text={text}
          sample={sample}
          checked={checked}
          event={plan.event_name}
          mode={plan.mode}
          onInput={onInput}
        />
      </div>
      <StoredTrial event={plan.event_name} app={plan.app_id ?? ''} schema={schema} />
    </div>
  );
}

interface ViolationsProps {
  query: Query<PlanWithViolations>;
  violations: readonly Violation[];
  /** Dead letters are for administrators. */
  canMend: boolean;
}

function Violations({ query, violations, canMend }: ViolationsProps) {
  const page = usePage();
  const hasLetters = violations.some(({ mode }) => mode === 'quarantine');
  const letters = sharedQuery(page.query);
  letters.set('reason', 'plan_violation');
  return (
    <Panel
      title="Violations"
      tools={
        <>
          <span class="muted">last seven days, most frequent first</span>
          {hasLetters && canMend && (
            <Link path="/dead-letters" query={letters} class="button button-small">
              Dead letters <Icon name="arrow" size={14} />
            </Link>
          )}
        </>
      }
    >
      <States
        query={query}
        skeleton={<SkeletonRows count={3} />}
        isEmpty={violations.length === 0}
        empty={
          <Empty>
            <p>
              <b>None</b>
              <br />
              <span class="muted">Every event that came while it was in force is as planned.</span>
            </p>
          </Empty>
        }
      >
        <ViolationTable violations={violations} />
        {violations.length >= KINDS_MAX && (
          <p class="panel-note">The {KINDS_MAX} most frequent kinds are shown; rarer ones are left out.</p>
        )}
      </States>
    </Panel>
  );
}

function ViolationTable({ violations }: { violations: readonly Violation[] }) {
  const now = new Date();
  return (
    <div class="table-scroll">
      <table class="table table-violations">
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">Wanted</th>
            <th scope="col">App</th>
            <th scope="col" class="column-wide">
              They were
            </th>
            <th scope="col" class="num">
              Events
            </th>
            <th scope="col" class="column-wide">
              Last
            </th>
          </tr>
        </thead>
        <tbody>
          {violations.map((one) => (
            <tr key={`${one.app_id} ${one.mode} ${one.path} ${one.expected}`}>
              <th scope="row">
                <code>{one.path}</code>
              </th>
              <td>{one.expected}</td>
              <td class="plan-app cut" title={one.app_id}>
                {one.app_id}
              </td>
              <td class="column-wide plan-time">{one.mode === 'warn' ? 'stored' : 'quarantined'}</td>
              <td class="num" title={fullNumber(one.count)}>
                {shortNumber(one.count)}
              </td>
              <td
                class="column-wide muted plan-time"
                title={`${exactTime(one.last_seen)}, event ${one.event_id}`}
              >
                {eventTime(one.last_seen, now)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
