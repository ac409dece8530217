import { Icon } from '../ui/icon.tsx';
import { Dialog } from './dialog.tsx';

interface ConfirmProps {
  title: string;
  text: string;
  verb: string;
  onClose: () => void;
  onYes: () => void;
}

/** Asks once more before something is done. */
export function Confirm({ title, text, verb, onClose, onYes }: ConfirmProps) {
  return (
    <Dialog label={title} class="dialog-confirm" onClose={onClose}>
      <header class="dialog-head">
        <h2>{title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <p class="confirm-text">{text}</p>
      <footer class="confirm-foot">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="button button-primary"
          onClick={() => {
            onClose();
            onYes();
          }}
        >
          {verb}
        </button>
      </footer>
    </Dialog>
  );
}
