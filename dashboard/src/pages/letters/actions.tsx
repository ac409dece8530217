import { useState } from 'preact/hooks';
import { letters } from '../../format/letter.ts';
import { Confirm } from '../../shell/confirm.tsx';
import { Icon } from '../../ui/icon.tsx';
import type { Action, Outcome } from './use-replay.ts';

interface Props {
  action: Action;
  /** How many letters it is about. */
  count: number;
  /** Null: it is not known, or there is no reason to forbid it. */
  whyNot: string | null;
  canDiscard: boolean;
  onReplay: () => void;
  /** What a confirmation says beside the question. */
  note: string;
}

/** Replay and discard, each asked again before it is done; and what came of it. */
export function Actions({ action, count, whyNot, canDiscard, onReplay, note }: Props) {
  const [asking, setAsking] = useState<'replay' | 'discard' | null>(null);
  const { running } = action;
  const what = letters(count);
  return (
    <div class="desk-actions">
      <button
        type="button"
        class="button button-primary"
        disabled={running !== null || whyNot !== null}
        title={whyNot ?? undefined}
        onClick={() => setAsking('replay')}
      >
        {running?.verb === 'replayed' ? `${running.matched} sent …` : `Replay ${count === 1 ? '' : what}`}
      </button>
      {canDiscard && (
        <button type="button" class="button" disabled={running !== null} onClick={() => setAsking('discard')}>
          {running?.verb === 'discarded' ? 'Discarding …' : 'Discard'}
        </button>
      )}
      <ActionSaid action={action} />
      {asking === 'replay' && (
        <Confirm
          title={`Replay ${what}?`}
          text={`${note} They go through the same log and dedupe as when they came, under their own IDs: doing it twice is once.`}
          verb="Replay"
          onClose={() => setAsking(null)}
          onYes={onReplay}
        />
      )}
      {asking === 'discard' && (
        <Confirm
          title={`Discard ${what}?`}
          text="They are put aside and no longer open. Their bytes are kept as long as the others, and each can still be replayed."
          verb="Discard"
          onClose={() => setAsking(null)}
          onYes={() => void action.discard()}
        />
      )}
    </div>
  );
}

export function ActionSaid({ action }: { action: Action }) {
  const { outcome, error } = action;
  return (
    <p class="desk-said" aria-live="polite">
      {error !== null && (
        <span class="verdict-bad">
          <Icon name="alert" size={14} /> {error.message} {error.advice}
        </span>
      )}
      {outcome !== null && outcomeWords(outcome)}
    </p>
  );
}

function outcomeWords({ verb, done, rejectedCount }: Outcome) {
  return (
    <>
      {done > 0 && (
        <span class="verdict-good">
          <Icon name="check" size={14} /> {letters(done)} {verb}.{' '}
        </span>
      )}
      {rejectedCount > 0 && (
        <span class="verdict-bad">
          <Icon name="alert" size={14} /> {letters(rejectedCount)} stayed as before.
        </span>
      )}
      {done + rejectedCount === 0 && <span class="muted">There was nothing left to do.</span>}
    </>
  );
}
