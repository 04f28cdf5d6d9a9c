"""The same service as a notebook's cells become it: the model is loaded for every request.

    BERALIH_BUNDLE=models/bundles/resnet34 uvicorn --app-dir web/content/code inference_service_naive:app

What Question 3 warns of. Nothing else differs, so the difference in latency is the loading's.
"""
import inference_service as service

app = service.app
predict = service.predict


def load_and_predict(data, k):
    service.CONTRACT, service.LABELS, service.MODEL = service.load_bundle(service.BUNDLE)
    return predict(data, k)


service.predict = load_and_predict
