/** Outrider's icon in JupyterLab. */

import { LabIcon } from '@jupyterlab/ui-components';

export const outriderIcon = new LabIcon({
  name: 'outrider:logo',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">' +
    '<g class="jp-icon3" fill="#616161"><path d="M9 4a8 8 0 1 0 0 16A8 8 0 0 0 9 4zm0 3.2a4.8 4.8 0 1 1 0 9.6 4.8 4.8 0 0 1 0-9.6z"/>' +
    '<circle cx="20.4" cy="12" r="2.8"/></g></svg>',
});
