import type { AlertState, NewNotice } from '../catalog/alert-watch.ts';
import type { AlertCondition } from '../catalog/alerts.ts';

/** What receivers are told: an object as in the webhooks of derived events. */

export interface NoticeSubject extends AlertCondition {
  readonly name: string;
  readonly title: string | null;
  readonly metric: string;
  readonly window_seconds: number;
}

/** Why an alert does not fire any more. */
export type EndReason = 'condition_ended' | 'disabled' | 'deleted';

/**
 * @param alert null when its rule was deleted
 * @param reason null: it fires
 */
export function createNotices(
  alert: NoticeSubject | null,
  { name, app_id, value }: AlertState,
  urls: readonly string[],
  { at, since, reason }: { readonly at: string; readonly since: string; readonly reason: EndReason | null },
): NewNotice[] {
  const body = JSON.stringify({
    type: reason === null ? 'AlertFiring' : 'AlertResolved',
    timestamp: at,
    data: {
      alert: name,
      title: alert?.title ?? null,
      app_id,
      metric: alert?.metric ?? null,
      window_seconds: alert?.window_seconds ?? null,
      comparison: alert?.comparison ?? null,
      threshold: alert?.threshold ?? null,
      for_seconds: alert?.for_seconds ?? null,
      value,
      firing_since: since,
      reason,
    },
  });
  return urls.map((url) => ({ url, body }));
}
