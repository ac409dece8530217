import { errorId, watchedId } from '../../src/derived/event.ts';
import type { StoreClient } from '../../src/store/client.ts';
import type { ViewKey } from '../../src/store/derived.ts';

const STARTS = "('video_start', 'video_progress', 'video_heartbeat', 'video_complete', 'view_end')";

/** Of every view and every error that raw has, sorted. */
export async function expectedIds(client: StoreClient): Promise<string[]> {
  const views = await client.select<ViewKey>(
    `SELECT DISTINCT app_id, video_id, view_id FROM events WHERE view_id != '' AND event_name IN ${STARTS}`,
  );
  const errors = await client.select<{ app_id: string; event_id: string }>(
    "SELECT app_id, toString(event_id) AS event_id FROM events WHERE event_name = 'video_error'",
  );
  return [...views.map(watchedId), ...errors.map(errorId)].sort();
}
