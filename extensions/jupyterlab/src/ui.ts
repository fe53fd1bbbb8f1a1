/** The shared components and their styles, loaded when they are first needed: nothing of them is in Lab's start. */

import '@outrider/ui/style/index.css';

export * from '@outrider/ui';
