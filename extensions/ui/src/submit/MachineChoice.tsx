/** Machine type selection, with resources, price and availability. */

import { type ReactElement, useId } from 'react';

import type { Machine } from '../api/types.js';
import { bytes, count, pricePerHour } from '../shared/format.js';
import { machineParts, whenFree } from '../shared/machines.js';

interface Props {
  machines: readonly Machine[];
  chosen: string;
  problem: string | undefined;
  onChange: (name: string) => void;
}

export function MachineChoice({ machines, chosen, problem, onChange }: Props): ReactElement {
  const group = useId();
  return (
    <fieldset className="or-machines">
      <legend>Machine</legend>
      <div className="or-machine-list">
        {machines.map((machine) => {
          const soon = whenFree(machine);
          return (
            <label
              key={`${machine.cluster}/${machine.name}`}
              className={`or-option or-machine ${machine.name === chosen ? 'or-option-chosen' : ''}`}
            >
              <input
                type="radio"
                name={group}
                value={machine.name}
                checked={machine.name === chosen}
                onChange={() => {
                  onChange(machine.name);
                }}
              />
              <span className="or-machine-name">{machine.title}</span>
              <span className="or-faint">
                {machineParts(machine, bytes).join(' · ')}
                {machine.preemptible && ' · preemptible'}
              </span>
              <span className="or-machine-price or-number">{pricePerHour(machine.price_per_hour)}</span>
              <span className={`or-machine-free ${soon.now ? 'or-good' : 'or-faint'}`}>
                {soon.now && machine.free !== null ? `${count(machine.free)} free now` : soon.text}
              </span>
            </label>
          );
        })}
      </div>
      {problem !== undefined && <p className="or-wrong">{problem}</p>}
    </fieldset>
  );
}
