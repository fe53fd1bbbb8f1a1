/** The image step: searchable cards of shared and private images, and a dialog to add one. */

import { bytes, Button, type Image, Loading } from '@outrider/ui';
import { type ReactElement, useId, useState } from 'react';

import { AddDialog } from '../pages/Images.js';

export function ImageStep({
  images,
  chosen,
  problem,
  onChange,
  onAdded,
}: {
  images: readonly Image[] | undefined;
  chosen: string;
  problem: string | undefined;
  onChange: (name: string) => void;
  onAdded: () => void;
}): ReactElement {
  const group = useId();
  const [sought, setSought] = useState('');
  const [adding, setAdding] = useState(false);
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = (images ?? []).filter((image) => {
    const text = `${image.name} ${image.title} ${image.description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  if (images === undefined) return <Loading />;
  return (
    <fieldset>
      <legend className="or-hidden">Image</legend>
      <div className="newjob-search">
        <input
          type="search"
          aria-label="Search images"
          placeholder="Search images"
          value={sought}
          onChange={(event) => {
            setSought(event.target.value);
          }}
        />
        <Button
          onClick={() => {
            setAdding(true);
          }}
        >
          Add image
        </Button>
      </div>
      <div className="newjob-cards">
        {shown.map((image) => (
          <label
            key={`${image.owner ?? ''} ${image.name}`}
            className={`or-option newjob-card ${image.name === chosen ? 'or-option-chosen' : ''}`}
          >
            <input
              type="radio"
              name={group}
              value={image.name}
              checked={image.name === chosen}
              onChange={() => {
                onChange(image.name);
              }}
            />
            <span className="newjob-card-title">
              {image.icon && <span aria-hidden="true">{image.icon} </span>}
              {image.title}
              {image.owner !== null && <span className="or-faint"> · private</span>}
            </span>
            {image.title !== image.name && <span className="portal-reference">{image.name}</span>}
            {image.description && <span>{image.description}</span>}
            <span className="or-faint">{facts(image)}</span>
          </label>
        ))}
      </div>
      {shown.length === 0 && <p className="or-faint">No images match your search.</p>}
      {problem !== undefined && <p className="or-wrong">{problem}</p>}
      {adding && (
        <AddDialog
          shared={false}
          onClose={() => {
            setAdding(false);
          }}
          onDone={(name) => {
            onAdded();
            onChange(name);
          }}
        />
      )}
    </fieldset>
  );
}

function facts(image: Image): string {
  const { facts: found } = image;
  if (found?.status !== 'ok') return '';
  const size = typeof found.size === 'number' ? bytes(found.size) : '';
  return [size, found.cuda ? `CUDA ${found.cuda}` : ''].filter(Boolean).join(' · ');
}
