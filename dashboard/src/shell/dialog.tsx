import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Props {
  label: string;
  class?: string;
  onClose: () => void;
  /** Neither a press beside it nor Escape closes it. */
  isFirm?: boolean;
  children: ComponentChildren;
}

/** The browser's own dialog: it keeps the focus inside and gives it back. */
export function Dialog({ label, class: name = '', onClose, isFirm = false, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = ref.current!;
    if (!element.open) element.showModal();
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class={`dialog ${name}`}
      aria-label={label}
      onClose={() => {
        // Browsers let a second Escape through.
        if (isFirm && ref.current?.isConnected) ref.current.showModal();
        else onClose();
      }}
      onCancel={(event) => {
        if (isFirm) event.preventDefault();
      }}
      onPointerDown={(event) => {
        if (event.target === ref.current && !isFirm) onClose();
      }}
    >
      {children}
    </dialog>
  );
}
