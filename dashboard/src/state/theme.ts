import { createStore, type Store } from './store.ts';

export type Scheme = 'light' | 'dark';

export interface Theme {
  scheme: Store<Scheme>;
  toggle(): void;
}

const KEY = 'sluice.theme';

/** Follows the system until the reader chooses; the choice is kept. */
export function createTheme(storage: Storage | null): Theme {
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const stored = storage?.getItem(KEY);
  let chosen: Scheme | null = stored === 'light' || stored === 'dark' ? stored : null;
  const scheme = createStore<Scheme>('light');
  function apply(): void {
    const next = chosen ?? (system.matches ? 'dark' : 'light');
    document.documentElement.dataset.theme = next;
    scheme.set(next);
  }
  system.addEventListener('change', apply);
  apply();
  return {
    scheme,
    toggle() {
      chosen = scheme.get() === 'dark' ? 'light' : 'dark';
      storage?.setItem(KEY, chosen);
      apply();
    },
  };
}
