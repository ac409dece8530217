import type { DerivedStore, SilentView, Trigger, ViewKey, ViewState, ViewWitness } from '../store/derived.ts';
import { createVideoError, createVideoWatched, type DerivedEvent, errorId, watchedId } from './event.ts';

/**
 * What stored events give rise to and is not published yet. Asked again about the same ones, with what was published
 * meanwhile recorded, the answer is empty.
 */

/** In the order of what gives rise to them; each view's first end counts. */
export async function decideEnded(
  store: DerivedStore,
  triggers: readonly Trigger[],
): Promise<DerivedEvent[]> {
  const seen = await store.published(distinctViews(triggers));
  const due = triggers.filter((trigger) => {
    const id = isError(trigger) ? errorId(trigger) : watchedId(trigger);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
  const ended = due.filter((trigger) => !isError(trigger));
  const states = await statesOf(store, ended);
  return due.flatMap((trigger) => (isError(trigger) ? createVideoError(trigger) : watched(states, trigger)));
}

/** Of views that fell silent and were not told of. */
export async function decideSilent(
  store: DerivedStore,
  silent: readonly SilentView[],
): Promise<DerivedEvent[]> {
  const states = await statesOf(store, silent);
  return silent.flatMap((view) => watched(states, view));
}

const isError = (trigger: Trigger) => trigger.event_name === 'video_error';

const keyOf = ({ app_id, video_id, view_id }: ViewKey): string => JSON.stringify([app_id, video_id, view_id]);

async function statesOf(store: DerivedStore, views: readonly ViewKey[]): Promise<Map<string, ViewState>> {
  return new Map((await store.views(views)).map((view) => [keyOf(view), view]));
}

/** None for what is no view yet: a pause alone does not make one. */
function watched(states: ReadonlyMap<string, ViewState>, witness: ViewWitness): DerivedEvent[] {
  const state = states.get(keyOf(witness));
  return state === undefined ? [] : [createVideoWatched(state, witness)];
}

function distinctViews(keys: readonly ViewKey[]): ViewKey[] {
  return [...new Map(keys.map((key) => [keyOf(key), key])).values()];
}
