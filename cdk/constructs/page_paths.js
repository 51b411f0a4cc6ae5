// CloudFront's viewer-request function of the page: its client routes are one file.
function handler(event) {
    var request = event.request;
    if (/^\/(callback|c\/[A-Za-z0-9_-]+|reviews(\/[A-Za-z0-9_-]+)?)?$/.test(request.uri)) {
        request.uri = '/index.html';
    }
    return request;
}
