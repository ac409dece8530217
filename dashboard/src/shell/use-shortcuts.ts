import { useEffect, useRef } from 'preact/hooks';
import { PRESET_LABELS, PRESETS, type Preset } from '../state/range.ts';

interface Actions {
  search(): void;
  shortcuts(): void;
  theme(): void;
  refresh(): void;
  compare(): void;
  range(preset: Preset): void;
  page(key: string): void;
}

const SEQUENCE_MS = 1_200;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  );
}

/** Keys for the whole page: `/` and Ctrl-K search, `g` and a letter goes to a page, capitals pick a range. */
export function useShortcuts(actions: Actions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    let goAt = Number.NEGATIVE_INFINITY;
    const simple: Record<string, () => void> = {
      '/': () => latest.current.search(),
      '?': () => latest.current.shortcuts(),
      t: () => latest.current.theme(),
      r: () => latest.current.refresh(),
      c: () => latest.current.compare(),
    };
    function onKey(event: KeyboardEvent): void {
      if (event.defaultPrevented) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        latest.current.search();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]') !== null) return;
      if (event.timeStamp - goAt < SEQUENCE_MS) {
        goAt = Number.NEGATIVE_INFINITY;
        latest.current.page(event.key);
        return;
      }
      if (event.key === 'g') {
        goAt = event.timeStamp;
        return;
      }
      const preset = PRESETS.find((candidate) => PRESET_LABELS[candidate].key === event.key);
      const action = preset === undefined ? simple[event.key] : () => latest.current.range(preset);
      if (action === undefined) return;
      event.preventDefault();
      action();
    }
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}
