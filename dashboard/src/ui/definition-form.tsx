import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError } from '../data/api.ts';
import { useNewReader } from '../state/reader.ts';
import { Panel } from './panel.tsx';

interface Props {
  title: string;
  /** What is still to be filled in; null: it can be saved. */
  missing: string | null;
  /** What it rejects with is said; when it resolves, the form goes. */
  save(): Promise<void>;
  onCancel(): void;
  /** Before the words and buttons at its foot. */
  tools: ComponentChildren;
  children: ComponentChildren;
}

/** The frame of a definition: saved as a whole, or not. */
export function DefinitionForm({ title, missing, save, onCancel, tools, children }: Props) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  // What was refused was refused to the one before.
  useNewReader(() => setError(null));

  async function trySave(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await save();
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : String(cause));
      setBusy(false);
    }
  }

  return (
    <Panel title={title} class="definition-editor">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (missing === null && !busy) void trySave();
        }}
      >
        {children}
        <div class="definition-actions">
          {tools}
          <span class={error === null ? 'muted' : 'verdict-bad'} role={error === null ? undefined : 'alert'}>
            {error ?? missing ?? ''}
          </span>
          <button type="button" class="button" onClick={onCancel}>
            Cancel
          </button>
          {/* A button that is disabled loses the focus. */}
          <button
            type="submit"
            class="button button-primary"
            disabled={missing !== null}
            aria-disabled={busy}
          >
            {busy ? 'Saving…' : 'Save'}
          </button>
        </div>
      </form>
    </Panel>
  );
}
