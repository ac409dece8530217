import type { DerivedStore, Newness, Trigger, ViewKey, ViewState, ViewWitness } from '../store/derived.ts';
import type { Places } from '../store/events.ts';
import { createVideoError, createVideoWatched, type DerivedEvent, errorId, watchedId } from './event.ts';

/**
 * What the stored events of some places give rise to and is not published yet. Asked again about the same places, with
 * what was published meanwhile recorded, the answer is empty.
 */

/** Views that are looked at in one question. */
const VIEWS_PER_QUESTION = 2_000;

/** A piece of what is to be published, at most `VIEWS_PER_QUESTION`: publish and record it before the next is asked for. */
export async function* decideEnded(
  store: DerivedStore,
  places: Places,
  newness: Newness,
): AsyncGenerator<DerivedEvent[], void> {
  const triggers = await store.triggers(places, newness);
  for (let at = 0; at < triggers.length; at += VIEWS_PER_QUESTION) {
    const some = triggers.slice(at, at + VIEWS_PER_QUESTION);
    const published = await store.published(distinctViews(some));
    const events = await describe(store, some, published);
    if (events.length > 0) yield events;
  }
}

/** The same of views that fell silent before `moment`. */
export async function* decideSilent(
  store: DerivedStore,
  places: Places,
  moment: number,
  newness: Newness,
): AsyncGenerator<DerivedEvent[], void> {
  const silent = await store.silentViews(places, moment, newness);
  for (let at = 0; at < silent.length; at += VIEWS_PER_QUESTION) {
    const some = silent.slice(at, at + VIEWS_PER_QUESTION);
    const published = await store.published(some);
    const due = some.filter((view) => !published.has(watchedId(view)));
    const states = await statesOf(store, due);
    const events = due.flatMap((view) => watched(states, view));
    if (events.length > 0) yield events;
  }
}

/** In the order of what gave rise to them; each view's first end counts. */
async function describe(
  store: DerivedStore,
  triggers: readonly Trigger[],
  published: ReadonlySet<string>,
): Promise<DerivedEvent[]> {
  const isError = (trigger: Trigger) => trigger.event_name === 'video_error';
  const idOf = (trigger: Trigger) => (isError(trigger) ? errorId(trigger) : watchedId(trigger));
  const seen = new Set(published);
  const due = triggers.filter((trigger) => {
    const id = idOf(trigger);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
  const states = await statesOf(
    store,
    due.filter((trigger) => !isError(trigger)),
  );
  return due.flatMap((trigger) => (isError(trigger) ? createVideoError(trigger) : watched(states, trigger)));
}

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
