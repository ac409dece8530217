import { useContext, useState } from 'preact/hooks';
import { ApiError } from '../data/api.ts';
import { useNewReader } from '../state/reader.ts';
import { ServicesContext } from '../state/services.ts';

interface Props {
  /** Of the service: what is deleted. */
  path: string;
  /** Where several stand on a page. */
  label?: string;
  onDeleted(): void;
}

/** Asks once more, in the same place. */
export function DeleteButton({ path, label, onDeleted }: Props) {
  const { api } = useContext(ServicesContext);
  const [sure, setSure] = useState(false);
  const [error, setError] = useState<string | null>(null);
  useNewReader(() => setError(null));
  async function remove(): Promise<void> {
    try {
      await api.send(path, undefined, { method: 'DELETE' });
      onDeleted();
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : String(cause));
    }
  }
  if (error !== null) return <span role="alert">{error}</span>;
  const word = sure ? 'Delete for good' : 'Delete';
  return (
    <button
      type="button"
      class="button button-small"
      aria-label={label === undefined ? undefined : `${word}: ${label}`}
      onBlur={() => setSure(false)}
      onClick={() => (sure ? void remove() : setSure(true))}
    >
      {word}
    </button>
  );
}
