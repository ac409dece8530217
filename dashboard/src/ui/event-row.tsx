import { useState } from 'preact/hooks';
import type { AnalyticsEvent } from '../data/types.ts';
import { isErrorEvent, markColor } from '../format/event.ts';
import { eventTime, exactTime } from '../format/time.ts';
import { Icon } from './icon.tsx';
import { Scroller } from './scroller.tsx';

export function EventName({ name }: { name: string }) {
  return (
    <span class="event-name">
      <i class="event-mark" style={{ '--key': `var(${markColor(name)})` }}>
        {isErrorEvent(name) ? '!' : ''}
      </i>
      <span class="cut">{name}</span>
    </span>
  );
}

export function actorOf(event: AnalyticsEvent): string {
  return event.user_id || event.anonymous_id || event.session_id || '';
}

/** One event in a line; opens to all that was sent. */
export function EventRow({ event }: { event: AnalyticsEvent }) {
  const [open, setOpen] = useState(false);
  return (
    <li class="event">
      <button type="button" class="event-line" aria-expanded={open} onClick={() => setOpen(!open)}>
        <time dateTime={event.timestamp} title={exactTime(event.timestamp)}>
          {eventTime(event.timestamp, new Date())}
        </time>
        <EventName name={event.event_name} />
        <span class="cut event-video">{event.video_id ?? ''}</span>
        <span class="cut muted event-actor">{actorOf(event)}</span>
        <Icon name="chevron" size={14} />
      </button>
      {open && <EventDetail event={event} />}
    </li>
  );
}

/** The event as stored. */
export function EventDetail({ event }: { event: AnalyticsEvent }) {
  const { properties, context, ...rest } = event;
  const fields = Object.entries(rest).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  return (
    <div class="event-detail">
      <dl>
        {fields.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</dd>
          </div>
        ))}
      </dl>
      <Json title="properties" value={properties} />
      <Json title="context" value={context} />
    </div>
  );
}

function Json({ title, value }: { title: string; value: Record<string, unknown> | undefined }) {
  if (value === undefined || Object.keys(value).length === 0) return null;
  return (
    <div class="json">
      <h3>{title}</h3>
      <Scroller label={title} class="payload">
        <pre>{JSON.stringify(value, null, 2)}</pre>
      </Scroller>
    </div>
  );
}
