import { markColor } from '../../format/event.ts';
import { duration } from '../../format/number.ts';
import { LANES, type Timeline } from './timeline.ts';

/** The whole session to scale, so that its silences can be seen; the list below says the same in words. */
export function Scale({ timeline }: { timeline: Timeline }) {
  const { moments, durationMs } = timeline;
  const lanes = LANES.filter((lane) => moments.some((moment) => moment.lane === lane));
  const place = (ms: number): string => `${durationMs === 0 ? 0 : (ms / durationMs) * 100}%`;
  const marks = [0, 0.25, 0.5, 0.75, 1];
  return (
    <div class="scale" aria-hidden="true">
      {lanes.map((lane) => (
        <div key={lane} class="scale-lane">
          <span class="muted small">{lane}</span>
          <div class="scale-track">
            {moments
              .filter((moment) => moment.lane === lane)
              .map(({ event, sinceStartMs }) => (
                <i
                  key={event.event_id}
                  title={`${event.event_name}, +${duration(sinceStartMs / 1000)}`}
                  style={{ '--at': place(sinceStartMs), '--key': `var(${markColor(event.event_name)})` }}
                />
              ))}
          </div>
        </div>
      ))}
      {durationMs > 0 && (
        <div class="scale-lane scale-times small muted">
          <span />
          <div class="scale-track">
            {marks.map((mark) => (
              <span key={mark} style={{ '--at': `${mark * 100}%` }}>
                {mark === 0 ? '0' : `+${duration((durationMs * mark) / 1000)}`}
              </span>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
