"""The path of a flow, one addon a step: listen, access, recognise, route, dispatch, respond, failover, audit."""
