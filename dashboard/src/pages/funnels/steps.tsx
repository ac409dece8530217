import type { FunnelAnswer, FunnelStepCount } from '../../data/types.ts';
import { duration, fullNumber, percent, shortNumber } from '../../format/number.ts';

/** How many get how far: a bar a step, with those that were lost on the way to it. */
export function FunnelSteps({ answer }: { answer: FunnelAnswer }) {
  const who = answer.count_by === 'session' ? 'sessions' : 'people';
  return (
    <ol class="funnel-steps" aria-label="Steps">
      {answer.steps.map((step) => (
        <li key={step.step} style={{ '--share': `${step.conversion_from_start * 100}%` }}>
          <div class="funnel-step-name">
            <span class="muted">{step.step}</span> <b>{step.name ?? step.event_name}</b>
            {step.name !== null && <span class="muted small"> {step.event_name}</span>}
          </div>
          <div class="funnel-bar">
            <i />
            <span title={`${fullNumber(step.count)} ${who}`}>
              <b>{shortNumber(step.count)}</b>{' '}
              <span class="muted">{percent(step.conversion_from_start)}</span>
            </span>
          </div>
          {step.step > 1 && <p class="muted small">{lostWords(step)}</p>}
        </li>
      ))}
    </ol>
  );
}

function lostWords(step: FunnelStepCount): string {
  const median =
    step.median_seconds_from_previous === null
      ? ''
      : `, half of them within ${duration(step.median_seconds_from_previous)}`;
  return `${percent(step.conversion_from_previous)} of the step before${median}; ${fullNumber(step.drop_off)} lost`;
}

/** The same steps by the value of a field. */
export function FunnelBreakdown({ answer, label }: { answer: FunnelAnswer; label: string }) {
  if (answer.breakdown.length === 0) return <p class="panel-note">Nobody begins in this range.</p>;
  return (
    <div class="table-scroll">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{label}</th>
            {answer.steps.map((step) => (
              <th key={step.step} scope="col" class="num">
                {step.name ?? step.event_name}
              </th>
            ))}
            <th scope="col" class="num">
              To the end
            </th>
          </tr>
        </thead>
        <tbody>
          {answer.breakdown.map(({ value, steps }) => (
            <tr key={value}>
              <th scope="row">{value === '' ? <span class="muted">Not known</span> : value}</th>
              {steps.map((step) => (
                <td key={step.step} class="num">
                  {fullNumber(step.count)}
                </td>
              ))}
              <td class="num">{percent(steps.at(-1)?.conversion_from_start ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
