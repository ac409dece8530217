import { useState } from 'preact/hooks';
import { duration, milliseconds } from '../../format/number.ts';
import { exactTime } from '../../format/time.ts';
import { EventDetail, EventName } from '../../ui/event-row.tsx';
import { Icon } from '../../ui/icon.tsx';
import { GAP_MIN_MS, type Moment } from './timeline.ts';

/** The event's own words: an error's message, a page, a video, a search. */
function subjectOf({ event }: Moment): string {
  const said = (name: string): string | null => {
    const value = event.properties?.[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  };
  return (
    said('message') ??
    said('error_message') ??
    event.video_id ??
    event.page ??
    said('page') ??
    said('query') ??
    ''
  );
}

/** Event by event, with the silences between them. */
export function Moments({ moments }: { moments: readonly Moment[] }) {
  return (
    <ol class="moments" aria-label="Events in order">
      {moments.map((moment) => (
        <Entry key={moment.event.event_id} moment={moment} />
      ))}
    </ol>
  );
}

function Entry({ moment }: { moment: Moment }) {
  const [open, setOpen] = useState(false);
  const { event, sinceStartMs, gapMs } = moment;
  return (
    <>
      {gapMs >= GAP_MIN_MS && (
        <li class="moment-gap muted small">
          <Icon name="more" size={14} /> {duration(gapMs / 1000)} without an event
        </li>
      )}
      <li class="event">
        <button
          type="button"
          class="event-line moment-line"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <time dateTime={event.timestamp} title={exactTime(event.timestamp)}>
            {sinceStartMs === 0
              ? 'Start'
              : `+${sinceStartMs < 10_000 ? milliseconds(sinceStartMs) : duration(sinceStartMs / 1000)}`}
          </time>
          <EventName name={event.event_name} />
          <span class="cut muted">{subjectOf(moment)}</span>
          <Icon name="chevron" size={14} />
        </button>
        {open && <EventDetail event={event} />}
      </li>
    </>
  );
}
