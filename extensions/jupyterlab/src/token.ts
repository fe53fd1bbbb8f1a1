/** The service by which the plugins find what they share. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Token } from '@lumino/coreutils';

import { Lab } from './lab.js';
import { Server } from './server.js';

export const ILab = new Token<Lab>(
  '@outrider/jupyterlab:ILab',
  'Outrider: this server, and ways to open things.',
);

export const labPlugin: JupyterFrontEndPlugin<Lab> = {
  id: '@outrider/jupyterlab:lab',
  description: 'What the parts of Outrider in JupyterLab share.',
  autoStart: true,
  provides: ILab,
  activate: (app: JupyterFrontEnd) => new Lab(app, new Server(app.serviceManager.serverSettings)),
};
