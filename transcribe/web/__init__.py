"""The screens: thin routes, server-made pages, small ES modules. Rules live elsewhere."""
