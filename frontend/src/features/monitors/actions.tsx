import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Monitor } from '@/api/types';
import { Button } from '@/ui/button';
import { DeleteIcon, EditIcon, MoreIcon, PauseIcon, PlayIcon, RefreshIcon } from '@/ui/icons';
import { Menu, MenuItem, MenuLine } from '@/ui/menu';
import { useCheckNow, useTogglePause } from './changes';
import { DeleteDialog } from './delete-dialog';

type MenuProps = {
  monitor: Monitor;
  /** Asks whether to delete it. The question must outlive the row: its monitor may leave the list meanwhile. */
  onDelete: () => void;
};

/** What can be done to a monitor, behind one button. */
export function MonitorMenu({ monitor, onDelete }: MenuProps) {
  const checkNow = useCheckNow(monitor);
  const pause = useTogglePause(monitor);
  return (
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
      <MenuItem danger onSelect={onDelete}>
        <DeleteIcon />
        Delete
      </MenuItem>
    </Menu>
  );
}

type ButtonsProps = {
  monitor: Monitor;
  /** Goes elsewhere once the monitor is deleted. */
  onDeleted: () => Promise<void>;
};

/** What can be done to a monitor, laid out. */
export function MonitorButtons({ monitor, onDeleted }: ButtonsProps) {
  const [asks, setAsks] = useState(false);
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
      <Button onClick={() => setAsks(true)}>
        <DeleteIcon />
        Delete
      </Button>
      {asks && <DeleteDialog monitor={monitor} onDeleted={onDeleted} onClose={() => setAsks(false)} />}
    </div>
  );
}
