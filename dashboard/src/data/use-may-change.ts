import type { ApiError } from './api.ts';
import { useQuery } from './use-query.ts';

/** A small question that only the scope `admin` is answered. */
const ADMIN_PATH = '/v1/keys?limit=1';

export interface MayChange {
  /** Null while it is not known. What is not sure here, the service refuses. */
  mayChange: boolean | null;
  /** Why not. */
  refusal: ApiError | null;
}

/** Whether the reader has the scope `admin`. */
export function useMayChange(): MayChange {
  const { data, error } = useQuery<unknown>(ADMIN_PATH);
  if (error?.code === 'wrong_scope') return { mayChange: false, refusal: error };
  return { mayChange: data === null && error === null ? null : true, refusal: null };
}
