import type { StoredEvent } from '../oracle/accept.ts';
import { type Dimension, dimensionOf } from '../oracle/dimensions.ts';
import { pageOf } from '../oracle/reports.ts';
import { amount } from '../oracle/views.ts';
import type { TestRow } from './service.ts';

/** A stored event of the oracle as the pipeline would write it. */
export function rowOf(event: StoredEvent): TestRow {
  const { properties } = event;
  const dimension = (name: Dimension) => dimensionOf(event, name);
  const seconds = amount(properties.duration);
  const [, , kind, id] = event.view === '' ? [] : (JSON.parse(event.view) as string[]);
  return {
    app_id: event.app_id,
    event_name: event.event_name,
    timestamp: event.at,
    received_at: event.receivedAt,
    user_id: event.user_id,
    anonymous_id: event.anonymous_id,
    session_id: event.session_id,
    video_id: event.video_id,
    view_id: event.view === '' ? '' : `${kind} ${id}`,
    watch_ms: amount(properties.watch_ms),
    duration_ms: amount(properties.duration_ms) || (seconds ? seconds * 1000 : null),
    completed: properties.completed === true,
    instant_skip: properties.instant_skip === true,
    fatal: properties.fatal === true,
    page: pageOf(event),
    referrer: dimension('referrer'),
    utm_source: dimension('utm_source'),
    utm_medium: typeof event.context.utm_medium === 'string' ? event.context.utm_medium : '',
    utm_campaign: dimension('utm_campaign'),
    device: dimension('device'),
    os: dimension('os'),
    browser: dimension('browser'),
    country: dimension('country'),
    is_bot: event.is_bot,
    properties: JSON.stringify(properties),
    context: JSON.stringify(event.context),
    log_offset: event.order,
  };
}
