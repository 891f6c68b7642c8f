"""Microsoft.Resources/deployments: templates that are deployed.

`bodies` reads what clients send, `plans` makes the resources of it and checks them, `running` puts one after another, through the API's
own calls (`inner_calls`): what a template may do, and how it shows, is what the client may do by itself. `views` answers.
"""
