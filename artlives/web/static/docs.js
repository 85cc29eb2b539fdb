// Swagger's page of the service. Its own validator would ask another host, so it is off.
window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", validatorUrl: null });
