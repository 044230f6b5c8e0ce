/** A menu behind a button. It is not modal: the modal one locks scrolling with a style element, against the policy. */

import { DropdownMenu } from 'radix-ui';
import type { ComponentProps, ReactNode } from 'react';

export function Menu({ trigger, children }: { trigger: ReactNode; children: ReactNode }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          collisionPadding={8}
          className="panel z-50 min-w-48 bg-raised p-1 shadow-float"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

const ITEM =
  'flex h-9 cursor-pointer select-none items-center gap-2.5 rounded-lg px-2.5 outline-none data-highlighted:bg-sunken data-[disabled]:opacity-50';

type ItemProps = ComponentProps<typeof DropdownMenu.Item> & { danger?: boolean };

export const MenuItem = ({ danger, ...rest }: ItemProps) => (
  <DropdownMenu.Item className={`${ITEM} ${danger ? 'text-down' : ''}`} {...rest} />
);

type ChoiceProps<Value extends string> = {
  label: string;
  value: Value;
  onChange: (value: Value) => void;
  options: readonly { value: Value; label: string; icon: ReactNode }[];
};

/** One of a few, in a menu. */
export function MenuChoice<Value extends string>({ label, value, onChange, options }: ChoiceProps<Value>) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={(chosen) => onChange(chosen as Value)}>
      <DropdownMenu.Label className="label-caps px-2.5 pt-2 pb-1">{label}</DropdownMenu.Label>
      {options.map((option) => (
        <DropdownMenu.RadioItem key={option.value} value={option.value} className={ITEM}>
          {option.icon}
          {option.label}
          <DropdownMenu.ItemIndicator className="ml-auto">
            <span className="block size-1.5 rounded-full bg-accent" />
          </DropdownMenu.ItemIndicator>
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

export const MenuLine = () => <DropdownMenu.Separator className="my-1 h-px bg-line" />;
