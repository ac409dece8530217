import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';
import { Scroller } from './scroller.tsx';

/** A command that can be copied. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState<string | null>(null);
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      // Browsers refuse the clipboard over plain HTTP; the text can still be marked by hand.
      const selection = window.getSelection();
      const block = document.querySelector('.copy-block code');
      if (selection !== null && block !== null) selection.selectAllChildren(block);
      setSaid('Press Ctrl-C');
    }
    setTimeout(() => setSaid(null), 2_500);
  }
  return (
    <div class="copy-block">
      <Scroller label={label} class="copy-text">
        <pre>
          <code>{text}</code>
        </pre>
      </Scroller>
      <button type="button" class="button" onClick={() => void copy()}>
        <Icon name={said === 'Copied' ? 'check' : 'copy'} />
        <span aria-live="polite">{said ?? 'Copy'}</span>
      </button>
    </div>
  );
}
