import HTTPTypes

/// Everything that can be wrong with a request or its answer, as callers match it: the `code` of a problem document.
///
/// 400 says that the request is not of the form the contract describes, 422 that a value in it cannot be used.
enum ProblemCode: String, CaseIterable, Sendable {
    // The request's form.
    case malformedRequest = "malformed_request"
    case malformedJSON = "malformed_json"
    case unknownField = "unknown_field"
    case duplicateField = "duplicate_field"
    case wrongType = "wrong_type"
    case unknownParameter = "unknown_parameter"
    case repeatedParameter = "repeated_parameter"
    case invalidPayload = "invalid_payload"
    // Access.
    case unauthorized
    case forbidden
    case hostNotAllowed = "host_not_allowed"
    case crossSiteRefused = "cross_site_refused"
    case invalidSignature = "invalid_signature"
    case tooManyFailures = "too_many_failures"
    // What is not there.
    case routeUnknown = "route_unknown"
    case repositoryUnknown = "repository_unknown"
    case tagUnknown = "tag_unknown"
    case buildUnknown = "build_unknown"
    case webhookUnconfigured = "webhook_unconfigured"
    case methodNotAllowed = "method_not_allowed"
    case requestTimeout = "request_timeout"
    // What stands in the way.
    case versionTaken = "version_taken"
    case buildFinished = "build_finished"
    case buildNotFinished = "build_not_finished"
    case logUnavailable = "log_unavailable"
    case bodyTooLarge = "body_too_large"
    case targetTooLong = "target_too_long"
    case unsupportedMediaType = "unsupported_media_type"
    // Values.
    case missingField = "missing_field"
    case invalidValue = "invalid_value"
    case noNextVersion = "no_next_version"
    case idempotencyKeyReused = "idempotency_key_reused"
    case callbacksUnavailable = "callbacks_unavailable"
    case callbackNotAllowed = "callback_not_allowed"
    // The service and what it stands on.
    case internalError = "internal_error"
    case registryError = "registry_error"
    case clusterError = "cluster_error"
    case registryUnavailable = "registry_unavailable"
    case clusterUnavailable = "cluster_unavailable"
    case builderUnavailable = "builder_unavailable"
    case reservationContended = "reservation_contended"
    case buildsNotStarted = "builds_not_started"
    case notReady = "not_ready"
    case shuttingDown = "shutting_down"
    case registryTimeout = "registry_timeout"
    case clusterTimeout = "cluster_timeout"
    case deadlineExceeded = "deadline_exceeded"

    /// The status that goes with it.
    var status: HTTPResponse.Status {
        switch self {
        case .malformedRequest, .malformedJSON, .unknownField, .duplicateField, .wrongType, .unknownParameter,
            .repeatedParameter, .invalidPayload:
            .badRequest
        case .unauthorized, .invalidSignature: .unauthorized
        case .tooManyFailures: .tooManyRequests
        case .forbidden, .hostNotAllowed, .crossSiteRefused: .forbidden
        case .routeUnknown, .repositoryUnknown, .tagUnknown, .buildUnknown, .webhookUnconfigured: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .requestTimeout: .requestTimeout
        case .versionTaken, .buildFinished, .buildNotFinished: .conflict
        case .logUnavailable: .gone
        case .bodyTooLarge: .contentTooLarge
        case .targetTooLong: .uriTooLong
        case .unsupportedMediaType: .unsupportedMediaType
        case .missingField, .invalidValue, .noNextVersion, .idempotencyKeyReused, .callbacksUnavailable,
            .callbackNotAllowed:
            .unprocessableContent
        case .internalError: .internalServerError
        case .registryError, .clusterError: .badGateway
        case .registryUnavailable, .clusterUnavailable, .builderUnavailable, .reservationContended, .buildsNotStarted,
            .notReady, .shuttingDown:
            .serviceUnavailable
        case .registryTimeout, .clusterTimeout, .deadlineExceeded: .gatewayTimeout
        }
    }

    /// A short summary that does not change from occurrence to occurrence.
    var title: String {
        switch self {
        case .malformedRequest: "The request is malformed"
        case .malformedJSON: "The body is no JSON"
        case .unknownField: "The body has an unknown field"
        case .duplicateField: "The body has a field twice"
        case .wrongType: "A field has a value of the wrong type"
        case .unknownParameter: "The query has an unknown parameter"
        case .repeatedParameter: "The query has a parameter twice"
        case .invalidPayload: "The payload of the webhook is malformed"
        case .invalidSignature: "The signature of the webhook is wrong"
        case .tooManyFailures: "Too many failed attempts"
        case .webhookUnconfigured: "This webhook is not set up"
        case .callbackNotAllowed: "Calls to this address are not allowed"
        case .buildsNotStarted: "Not all builds were started"
        case .unauthorized: "A valid token is needed"
        case .forbidden: "The token lacks a scope"
        case .hostNotAllowed: "The Host header names another host"
        case .crossSiteRefused: "Requests of other web sites are refused"
        case .routeUnknown: "There is no such route"
        case .repositoryUnknown: "The registry does not know the repository"
        case .tagUnknown: "The repository has no such tag"
        case .buildUnknown: "There is no such build"
        case .methodNotAllowed: "The route does not have this method"
        case .requestTimeout: "The body did not arrive in time"
        case .versionTaken: "The version is taken"
        case .buildFinished: "The build has ended already"
        case .buildNotFinished: "The build has not ended"
        case .logUnavailable: "The log is gone"
        case .bodyTooLarge: "The body is too large"
        case .targetTooLong: "The request's target is too long"
        case .unsupportedMediaType: "The body must be JSON"
        case .missingField: "A field is missing"
        case .invalidValue: "A value cannot be used"
        case .noNextVersion: "There is no such next version"
        case .idempotencyKeyReused: "The idempotency key belongs to another request"
        case .callbacksUnavailable: "This service does not call back"
        case .internalError: "The service failed"
        case .registryError: "The registry gave an answer that is of no use"
        case .clusterError: "The cluster gave an answer that is of no use"
        case .registryUnavailable: "The registry cannot be used now"
        case .clusterUnavailable: "The cluster cannot be used now"
        case .builderUnavailable: "The builder cannot be used now"
        case .reservationContended: "Other callers were faster"
        case .notReady: "The service is not ready"
        case .shuttingDown: "The service is shutting down"
        case .registryTimeout: "The registry did not answer in time"
        case .clusterTimeout: "The cluster did not answer in time"
        case .deadlineExceeded: "There was no answer in time"
        }
    }
}
