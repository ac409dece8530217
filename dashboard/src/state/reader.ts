import { useContext, useEffect, useRef } from 'preact/hooks';
import { ServicesContext } from './services.ts';
import { useStore } from './store.ts';

/** Another number after each signing in. What was answered before belongs to whoever asked then. */
export function useReader(): number {
  return useStore(useContext(ServicesContext).api.reader);
}

/** Runs when somebody signs in while the component is there: to forget what was answered to the one before. */
export function useNewReader(forget: () => void): void {
  const reader = useReader();
  const before = useRef(reader);
  useEffect(() => {
    if (before.current === reader) return;
    before.current = reader;
    forget();
  }, [reader]);
}
