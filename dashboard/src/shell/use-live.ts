import { useContext, useEffect } from 'preact/hooks';
import { ServicesContext } from '../state/services.ts';

/** Says what this page wants to hear on the live line. */
export function useLiveSubscription(app: string | null, events: boolean): void {
  const { live } = useContext(ServicesContext);
  useEffect(() => {
    live.subscribe({ ...(app === null ? {} : { app_id: app }), events });
  }, [live, app, events]);
}
