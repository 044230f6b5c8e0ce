import { Link } from '@tanstack/react-router';
import { type RefObject, useRef } from 'react';
import type { Monitor } from '@/api/types';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { DeleteIcon, EditIcon, MoreIcon, PauseIcon, PlayIcon, RefreshIcon } from '@/ui/icons';
import { Menu, MenuItem, MenuLine } from '@/ui/menu';
import { useCheckNow, useDeleteMonitor, useTogglePause } from './changes';

type ActionsProps = {
  monitor: Monitor;
  /** Where to go once the monitor is deleted. */
  onDeleted?: () => void;
};

/** What can be done to a monitor, behind one button. */
export function MonitorMenu({ monitor, onDeleted }: ActionsProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const checkNow = useCheckNow(monitor);
  const pause = useTogglePause(monitor);
  return (
    <>
      <Menu
        trigger={
          <Button look="quiet" square aria-label={`Actions for ${monitor.name}`}>
            <MoreIcon />
          </Button>
        }
      >
        <MenuItem disabled={checkNow.isPending} onSelect={() => checkNow.mutate()}>
          <RefreshIcon />
          Check now
        </MenuItem>
        <MenuItem asChild>
          <Link to="/monitors/$id/edit" params={{ id: monitor.id }}>
            <EditIcon />
            Edit
          </Link>
        </MenuItem>
        <MenuItem disabled={pause.isPending} onSelect={pause.toggle}>
          {monitor.is_active ? <PauseIcon /> : <PlayIcon />}
          {monitor.is_active ? 'Pause' : 'Resume'}
        </MenuItem>
        <MenuLine />
        <MenuItem danger onSelect={() => dialog.current?.showModal()}>
          <DeleteIcon />
          Delete
        </MenuItem>
      </Menu>
      <DeleteDialog ref={dialog} monitor={monitor} onDeleted={onDeleted} />
    </>
  );
}

/** What can be done to a monitor, laid out. */
export function MonitorButtons({ monitor, onDeleted }: ActionsProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const checkNow = useCheckNow(monitor);
  const pause = useTogglePause(monitor);
  return (
    <div className="grid w-full grid-cols-2 gap-2 sm:flex sm:w-auto sm:flex-wrap">
      <Button busy={checkNow.isPending} onClick={() => checkNow.mutate()}>
        <RefreshIcon className={checkNow.isPending ? 'size-4 motion-safe:animate-spin' : 'size-4'} />
        Check now
      </Button>
      <Button busy={pause.isPending} onClick={pause.toggle}>
        {monitor.is_active ? <PauseIcon /> : <PlayIcon />}
        {monitor.is_active ? 'Pause' : 'Resume'}
      </Button>
      <Button asChild>
        <Link to="/monitors/$id/edit" params={{ id: monitor.id }}>
          <EditIcon />
          Edit
        </Link>
      </Button>
      <Button onClick={() => dialog.current?.showModal()}>
        <DeleteIcon />
        Delete
      </Button>
      <DeleteDialog ref={dialog} monitor={monitor} onDeleted={onDeleted} />
    </div>
  );
}

type DeleteDialogProps = {
  ref: RefObject<HTMLDialogElement | null>;
  monitor: Monitor;
  onDeleted: (() => void) | undefined;
};

function DeleteDialog({ ref, monitor, onDeleted }: DeleteDialogProps) {
  const remove = useDeleteMonitor(monitor);
  const confirm = () =>
    remove.mutate(undefined, { onSuccess: () => onDeleted?.(), onSettled: () => ref.current?.close() });
  return (
    <Confirm
      ref={ref}
      title={`Delete “${monitor.name}”?`}
      action="Delete monitor"
      busy={remove.isPending}
      onConfirm={confirm}
    >
      <p className="line-clamp-3">{monitor.target.url}</p>
      <p>
        It is no longer watched, and its checks, incidents and uptime are deleted with it. This cannot be
        undone.
      </p>
    </Confirm>
  );
}
