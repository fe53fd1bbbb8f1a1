/** The Lumino token through which the plugins share a `Lab`. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Token } from '@lumino/coreutils';

import { Lab } from './lab.js';
import { Server } from './server.js';

export const ILab = new Token<Lab>(
  '@outrider/jupyterlab:ILab',
  'Outrider: the server connection and navigation.',
);

export const labPlugin: JupyterFrontEndPlugin<Lab> = {
  id: '@outrider/jupyterlab:lab',
  description: 'Provides the connection that the other Outrider plugins share.',
  autoStart: true,
  provides: ILab,
  activate: (app: JupyterFrontEnd) => new Lab(app, new Server(app.serviceManager.serverSettings)),
};
