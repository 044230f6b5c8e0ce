import type { Monitor } from '@/api/types';
import { Confirm } from '@/ui/dialog';
import { useDeleteMonitor } from './changes';

type DeleteDialogProps = {
  monitor: Monitor;
  /** Goes elsewhere once the monitor is deleted, where it had a page. */
  onDeleted?: () => Promise<void>;
  onClose: () => void;
};

/** Asks before a monitor is deleted. */
export function DeleteDialog({ monitor, onDeleted, onClose }: DeleteDialogProps) {
  const remove = useDeleteMonitor(monitor, onDeleted);
  const confirm = (close: () => void) =>
    remove.mutate(undefined, {
      onSuccess: () => {
        close();
        // The button that was pressed to get here is gone with the monitor.
        document.getElementById('main')?.focus({ preventScroll: true });
      },
      onError: close,
    });
  return (
    <Confirm
      title={`Delete “${monitor.name}”?`}
      action="Delete monitor"
      busy={remove.isPending}
      onConfirm={confirm}
      onClose={onClose}
    >
      <p className="line-clamp-3">{monitor.target.url}</p>
      <p>
        It is no longer watched, and its checks, incidents and uptime are deleted with it. This cannot be
        undone.
      </p>
    </Confirm>
  );
}
