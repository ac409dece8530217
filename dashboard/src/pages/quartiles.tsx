import type { VideoMetrics } from '../data/types.ts';
import { duration, fullNumber, percent, withoutZeroPart } from '../format/number.ts';
import { Empty } from '../ui/panel.tsx';

interface Mark {
  /** Part of the title, 0..1. */
  at: number;
  /** Part of the views still there, 0..1. */
  share: number;
  views: number;
}

/** The marks that are known: everybody at the start, then each quarter. */
function readMarks(metrics: VideoMetrics): Mark[] | null {
  const { quartiles, views } = metrics;
  if (quartiles === null || quartiles === undefined || views === 0) return null;
  const { q25, q50, q75, q100 } = quartiles;
  return [views, q25, q50, q75, q100].map((count, index) => ({
    at: index / 4,
    share: Math.min(1, count / views),
    views: count,
  }));
}

/** The stretch that loses the most, by the index of the mark at its end. */
function worstDrop(marks: readonly Mark[]): number {
  let worst = 1;
  let most = -1;
  for (let index = 1; index < marks.length; index += 1) {
    const lost = marks[index - 1]!.share - marks[index]!.share;
    if (lost > most) {
      most = lost;
      worst = index;
    }
  }
  return worst;
}

/** Who is still there at each quarter of the title, with the drops between. */
export function Quartiles({ metrics }: { metrics: VideoMetrics }) {
  const marks = readMarks(metrics);
  if (marks === null) {
    return (
      <Empty>
        <p>
          <b>{metrics.views === 0 ? 'No views in this range' : 'Quartiles are not known'}</b>
          <br />
          <span class="muted">
            They need the length of the title: send properties.duration, or put it into the catalogue.
          </span>
        </p>
      </Empty>
    );
  }
  const worst = worstDrop(marks);
  const line = marks.map((mark) => `${mark.at * 100} ${100 - mark.share * 100}`).join('L');
  return (
    <div class="quartiles">
      <div class="quartiles-plot" role="img" aria-label={describeMarks(marks)}>
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <path class="quartiles-grid" d="M0 0H100M0 25H100M0 50H100M0 75H100M0 100H100" />
          <path class="quartiles-area" d={`M0 100L${line}L100 100Z`} />
          <path class="quartiles-line" d={`M${line}`} />
        </svg>
        {marks.map((mark, index) => {
          const side = index === 0 ? ' mark-first' : index === marks.length - 1 ? ' mark-last' : '';
          return (
            <span
              key={mark.at}
              class={`mark${side}`}
              style={{ left: `${mark.at * 100}%`, top: `${100 - mark.share * 100}%` }}
              title={`${fullNumber(mark.views)} of ${fullNumber(metrics.views)} views`}
            >
              <i />
              <b>{percent(mark.share)}</b>
            </span>
          );
        })}
      </div>
      <ol class="drops" aria-hidden="true">
        {marks.slice(1).map((mark, index) => {
          const lost = marks[index]!.share - mark.share;
          return (
            <li key={mark.at} class={index + 1 === worst && lost > 0 ? 'drop drop-worst' : 'drop'}>
              <span>{lost <= 0 ? '0' : `−${percent(lost)}`}</span>
              {index + 1 === worst && lost > 0 && <small>largest drop</small>}
            </li>
          );
        })}
      </ol>
      <div class="quartiles-axis" aria-hidden="true">
        {marks.map((mark) => (
          <span key={mark.at}>
            {metrics.duration_ms === null
              ? `${mark.at * 100} %`
              : withoutZeroPart(duration((metrics.duration_ms / 1000) * mark.at))}
          </span>
        ))}
      </div>
    </div>
  );
}

function describeMarks(marks: readonly Mark[]): string {
  return marks.map((mark) => `${mark.at * 100} % of the title: ${percent(mark.share)} of views`).join(', ');
}
