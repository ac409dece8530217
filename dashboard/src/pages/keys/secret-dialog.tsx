import type { ShownKey } from '../../data/types-catalogue.ts';
import { Dialog } from '../../shell/dialog.tsx';
import { CopyBlock } from '../../ui/copy.tsx';

/** The secret, this once. Only its own button closes it with a click, so that none is lost beside it. */
export function SecretDialog({ shown, onClose }: { shown: ShownKey; onClose: () => void }) {
  const title = shown.rotated_at === null ? 'The key is made' : 'The key has another secret';
  return (
    <Dialog label={title} class="dialog-secret" onClose={onClose} isFirm>
      <header class="dialog-head">
        <h2>{title}</h2>
      </header>
      <p class="confirm-text">
        Copy it now: <b>it is shown this once</b>, and only its hash is kept.
        {shown.rotated_at !== null && ' The one before opens nothing from a few seconds on.'}
      </p>
      <div class="secret">
        <CopyBlock text={shown.key} label="Secret of the key" />
      </div>
      <footer class="confirm-foot">
        <button type="button" class="button button-primary" onClick={onClose}>
          I have copied it
        </button>
      </footer>
    </Dialog>
  );
}
